//! A workflow that keeps its place: one with a gate already, or one whose hand-written release and
//! rollback give way to a gate.

use super::design::{Build, Wishes};
use super::error::InitError;
use super::handwritten::{self, HandWritten, Left};
use super::images;
use super::render::GATE_WORKFLOW;
use super::survey::Survey;
use crate::config::Config;
use crate::doctor::workflow::{Runs, Workflow};
use crate::model::{BranchName, ImageRef};

/// A workflow that has a gate, or gets one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gated {
    /// Its path from the root of the repository.
    pub path: String,
    /// The jobs that the gate needs.
    pub needs: Vec<String>,
    /// Its text with the gate, where it has none yet.
    pub rewritten: Option<String>,
    /// The images that its jobs push, as far as the workflow says their names.
    images: Vec<String>,
}

/// Looks for hand-written releases and rollbacks, and for the workflow that has the gate or gets it.
pub(super) fn find(
    survey: &Survey,
    branch: &BranchName,
    ledger: String,
    action: &str,
) -> (Vec<HandWritten>, Option<Gated>) {
    let mut config = survey.config.clone().unwrap_or_default();
    config.branch = branch.clone();
    config.ledger.path = ledger;
    let look = |workflow: &Workflow| handwritten::find(workflow, workflow.text(), &config, action);
    let mut found: Vec<HandWritten> = survey.workflows.iter().filter_map(look).collect();
    let gate = |workflow: &&Workflow| {
        workflow.path() != GATE_WORKFLOW
            && workflow.jobs().any(|job| job.runs() == Some(Runs::Gate))
    };
    if let Some(workflow) = survey.workflows.iter().find(gate) {
        let jobs = workflow.jobs().filter(|job| job.runs() == Some(Runs::Gate));
        let needs = jobs.flat_map(|job| job.needs()).map(str::to_owned).collect();
        let path = workflow.path().to_owned();
        let own = found.iter_mut().find(|own| own.path == path);
        let rewritten = own.and_then(|own| own.rewritten.clone());
        leave(&mut found, &path);
        return (found, Some(Gated { path, needs, rewritten, images: Vec::new() }));
    }
    // That which does most by hand; the others cannot have a gate of their own.
    let most = found.iter().filter(|own| own.rewritten.is_some());
    let most = most.max_by_key(|own| own.replacements.len());
    let gated = most.map(|own| Gated {
        path: own.path.clone(),
        needs: own.needs.clone(),
        rewritten: own.rewritten.clone(),
        images: own.images.clone(),
    });
    if let Some(gated) = &gated {
        leave(&mut found, &gated.path);
    }
    (found, gated)
}

/// Leaves all other workflows as they are.
fn leave(found: &mut [HandWritten], path: &str) {
    for own in found.iter_mut().filter(|own| own.path != path && own.rewritten.is_some()) {
        own.rewritten = None;
        own.left = vec![Left {
            job: None,
            lines: None,
            what: format!("{} releases or takes back, too", own.path),
            why: format!("the gate is in {path}, and there can be only one"),
            todo: format!("take these jobs out of {} by hand", own.path),
        }];
    }
}

impl Gated {
    /// Lists the images of the release set: what the configuration or a person says, else what the
    /// jobs push.
    ///
    /// # Errors
    /// Nobody knows their names.
    pub(super) fn builds(
        &self,
        survey: &Survey,
        wishes: &Wishes,
        remarks: &mut Vec<String>,
    ) -> Result<Vec<Build>, InitError> {
        let configured = survey.config.as_ref().and_then(|config: &Config| config.images.clone());
        let named = if wishes.images.is_empty() { configured } else { Some(wishes.images.clone()) };
        if let Some(images) = named {
            return Ok(images.into_iter().map(|image| self.build(image)).collect());
        }
        if self.rewritten.is_none() {
            return images::builds(survey, wishes, remarks);
        }
        let own = self.images.iter().map(|name| resolved(name, survey)).collect::<Option<Vec<_>>>();
        own.map(|images| images.into_iter().map(|image| self.build(image)).collect())
            .ok_or_else(|| InitError::NoImageName { dockerfile: self.path.clone() })
    }

    fn build(&self, image: ImageRef) -> Build {
        let label = image.to_string().rsplit('/').next().unwrap_or_default().to_owned();
        Build {
            label,
            image,
            context: ".".to_owned(),
            dockerfile: self.path.clone(),
            target: None,
            healthcheck: None,
        }
    }
}

/// Puts the repository's name into the name of an image; `None` where more is unknown.
fn resolved(name: &str, survey: &Survey) -> Option<ImageRef> {
    let mut name = name.to_owned();
    if let Some(repository) = survey.repository.as_deref().map(str::to_ascii_lowercase) {
        let (owner, own) = repository.split_once('/')?;
        let known = [
            ("github.repository", "GITHUB_REPOSITORY", repository.as_str()),
            ("github.repository_owner", "GITHUB_REPOSITORY_OWNER", owner),
            ("github.event.repository.name", "", own),
        ];
        for (expression, variable, value) in known {
            for form in [format!("${{{{ {expression} }}}}"), format!("${{{{{expression}}}}}")] {
                name = name.replace(&form, value);
            }
            if !variable.is_empty() {
                name = name.replace(&format!("${{{variable},,}}"), value);
                name = name.replace(&format!("${{{variable}}}"), value);
            }
        }
        name = name.replace("$GITHUB_REPOSITORY_OWNER", owner);
        name = name.replace("$GITHUB_REPOSITORY", &repository);
    }
    name.parse().ok()
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
