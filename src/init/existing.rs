//! What releases already: a workflow that runs the gate, or one that releases by steps which
//! somebody has written by hand. Then no workflow of the gate's own is added: two would decide.

use super::design::{Build, Wishes};
use super::handwritten::{self, HandWritten};
use super::render::GATE_WORKFLOW;
use super::survey::Survey;
use crate::config::Config;
use crate::doctor::workflow::{Runs, Workflow};
use crate::model::ImageRef;

/// A workflow that releases already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Existing {
    /// It runs the gate.
    Gate {
        /// Its path.
        path: String,
        /// The jobs that the gate needs.
        needs: Vec<String>,
    },
    /// It releases by hand-written steps.
    HandWritten(Box<HandWritten>),
}

impl Existing {
    /// Returns the path of the workflow.
    pub fn path(&self) -> &str {
        match self {
            Self::Gate { path, .. } => path,
            Self::HandWritten(found) => &found.path,
        }
    }

    /// Lists the jobs that the gate needs.
    pub fn needs(&self) -> &[String] {
        match self {
            Self::Gate { needs, .. } => needs,
            Self::HandWritten(found) => &found.needs,
        }
    }

    /// Returns the workflow with a gate, where it is to get one.
    pub(super) fn rewritten(&self) -> Option<&str> {
        match self {
            Self::Gate { .. } => None,
            Self::HandWritten(found) => found.rewritten.as_deref(),
        }
    }
}

/// Finds it: the gate first.
pub(super) fn find(
    survey: &Survey,
    config: &Config,
    action: &str,
    remarks: &mut Vec<String>,
) -> Option<Existing> {
    let others = || survey.workflows.iter().filter(|own| own.path() != GATE_WORKFLOW);
    if let Some(gate) = others().find_map(gate) {
        remarks
            .push(format!("{} runs the gate already: no other workflow is written", gate.path()));
        ungated(survey, config, None, remarks);
        return Some(gate);
    }
    let mut found: Vec<HandWritten> = survey
        .workflows
        .iter()
        .filter(|own| own.jobs().all(|job| job.runs().is_none()))
        .filter_map(|own| handwritten::find(own, own.text(), config, action))
        .collect();
    // That which can have the gate, and of those the one that does most by hand.
    found.sort_by_key(|own| (own.place_for_gate, own.rewritten.is_some(), own.replacements.len()));
    let first = found.pop_if(|own| own.place_for_gate);
    for other in found {
        let path = &other.path;
        remarks.push(match other.left.first() {
            Some(left) if !other.place_for_gate => {
                format!(
                    "{path} releases by hand; no gate goes into it: {}: {}",
                    left.why, left.todo
                )
            }
            Some(_) | None => format!("{path} releases too: take those steps out by hand"),
        });
    }
    // Of the one that is rewritten it is said with the rest that is left to a person.
    ungated(survey, config, first.as_ref().map(|first| first.path.as_str()), remarks);
    first.map(|first| Existing::HandWritten(Box::new(first)))
}

/// Names the jobs that push what they build to users, whatever a gate decides.
fn ungated(survey: &Survey, config: &Config, but: Option<&str>, remarks: &mut Vec<String>) {
    let may_release = |own: &&Workflow| handwritten::may_release(own) && Some(own.path()) != but;
    for workflow in survey.workflows.iter().filter(may_release) {
        for (job, line) in handwritten::builds_for_users(workflow, config) {
            let path = workflow.path();
            remarks.push(format!(
                "{path}, line {line}: job {job} pushes a tag that users pull while it builds, whatever a gate decides; take the job out, or let it push other tags"
            ));
        }
    }
}

fn gate(workflow: &Workflow) -> Option<Existing> {
    let job = workflow.jobs().find(|job| job.runs() == Some(Runs::Gate))?;
    let needs = job.needs().into_iter().map(str::to_owned).collect();
    Some(Existing::Gate { path: workflow.path().to_owned(), needs })
}

/// Lists the images that the workflow pushes, where that is known: what a person has said, what is
/// configured, or what the workflow says.
pub(super) fn images(existing: &Existing, survey: &Survey, wishes: &Wishes) -> Option<Vec<Build>> {
    let configured = survey.config.as_ref().and_then(|config| config.images.clone());
    let images = match existing {
        _ if !wishes.images.is_empty() => wishes.images.clone(),
        _ if configured.is_some() => configured?,
        Existing::Gate { .. } => return None,
        Existing::HandWritten(found) => {
            let named: Vec<ImageRef> =
                found.images.iter().filter_map(|name| resolved(name, survey)).collect();
            if named.len() != found.images.len() || named.is_empty() {
                return None;
            }
            named
        }
    };
    let build = |image| Build {
        label: existing.path().to_owned(),
        image,
        context: ".".to_owned(),
        dockerfile: existing.path().to_owned(),
        target: None,
        probe: None,
    };
    Some(images.into_iter().map(build).collect())
}

/// Puts the repository's name in the place of the expressions for it; `None` where more is not
/// known. GHCR's names are lower case.
fn resolved(name: &str, survey: &Survey) -> Option<ImageRef> {
    let Some(repository) = survey.repository.as_deref().map(str::to_ascii_lowercase) else {
        return name.parse().ok();
    };
    let (owner, own) = repository.split_once('/')?;
    let compact: String = name.chars().filter(|c| !c.is_whitespace()).collect();
    let text = compact
        .replace("${{github.repository}}", &repository)
        .replace("${{github.repository_owner}}", owner)
        .replace("${{github.event.repository.name}}", own)
        .replace("${GITHUB_REPOSITORY,,}", &repository)
        .replace("${GITHUB_REPOSITORY}", &repository)
        .replace("${GITHUB_REPOSITORY_OWNER}", owner)
        .replace("$GITHUB_REPOSITORY_OWNER", owner)
        .replace("$GITHUB_REPOSITORY", &repository);
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_images_get_the_name_of_the_repository() {
        let survey = Survey { repository: Some("Acme/Churn".to_owned()), ..Survey::default() };
        let name = |text: &str| resolved(text, &survey).map(|image| image.to_string());
        for text in [
            "ghcr.io/${{ github.repository }}",
            "ghcr.io/${{github.repository}}",
            "ghcr.io/${GITHUB_REPOSITORY,,}",
            "ghcr.io/$GITHUB_REPOSITORY",
            "ghcr.io/${{ github.repository_owner }}/${{ github.event.repository.name }}",
            "ghcr.io/$GITHUB_REPOSITORY_OWNER/churn",
        ] {
            assert_eq!(name(text).as_deref(), Some("ghcr.io/acme/churn"), "{text}");
        }
        assert_eq!(name("ghcr.io/$IMAGE"), None);
        assert_eq!(name("${{ secrets.HOST }}/a"), None);
    }
}
