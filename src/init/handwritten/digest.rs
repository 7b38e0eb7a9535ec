//! Lets the job that builds an image hand over its digest.

use serde_yaml::{Mapping, Value};

use super::Left;
use super::draft::{Draft, indented, job_mut};
use super::judge::script_start;
use super::outline::{Lines, Outline, job_keys, steps};
use super::shell::{Command, commands};
use super::variables::Variables;
use crate::doctor::workflow::{Job, Step, Workflow};

/// How an image is pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum How {
    /// `docker/build-push-action`.
    Action,
    /// `docker push`, with the name as the script has it.
    Docker(String),
    /// `docker buildx build --push`, with the name as the script has it.
    Buildx(String),
    /// In a way that tells no digest.
    Unknown(&'static str),
}

/// A step that pushes an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pushed {
    job: String,
    step: usize,
    how: How,
    /// The image without its tag, with what is known of its variables put in.
    pub image: Option<String>,
    /// Whether the job hands the digest over already.
    told: bool,
    matrix: bool,
}

/// Lists the steps that push images in these jobs.
pub(super) fn pushes(workflow: &Workflow, stay: &[&str]) -> Vec<Pushed> {
    let mut found = Vec::new();
    for job in workflow.jobs().filter(|job| stay.contains(&job.id)) {
        let mut variables = Variables::default();
        variables.add_env(workflow.get("env"));
        variables.add_env(job.get("env"));
        let has =
            |name: &str| job.get("outputs").is_some_and(|outputs| outputs.get(name).is_some());
        let told = has("digest") || has("digests");
        let matrix = job.get("strategy").is_some_and(|strategy| strategy.get("matrix").is_some());
        for (index, step) in job.steps().enumerate() {
            for (how, image) in by_step(step, &variables) {
                let job = job.id.to_owned();
                found.push(Pushed { job, step: index, how, image, told, matrix });
            }
        }
    }
    found
}

fn by_step(step: Step<'_>, variables: &Variables) -> Vec<(How, Option<String>)> {
    let name = step.uses().and_then(|uses| uses.split('@').next());
    if name == Some("docker/build-push-action") {
        let output = step.input("outputs").unwrap_or_default();
        let push = step.input("push").is_some_and(|push| push != "false");
        if !push && !output.contains("push=true") && !output.contains("type=registry") {
            return Vec::new();
        }
        let tags = step.input("tags").unwrap_or_default();
        let first = tags.split([',', '\n']).map(str::trim).find(|tag| !tag.is_empty());
        let image = first.map(|tag| without_tag(&variables.expand(tag)).to_owned());
        return vec![(How::Action, image)];
    }
    let Some(script) = step.get("run").and_then(Value::as_str) else { return Vec::new() };
    let mut variables = variables.clone();
    variables.add_env(step.get("env"));
    let mut found: Vec<(How, Option<String>)> = Vec::new();
    let mut turns: Vec<String> = Vec::new();
    for command in commands(script) {
        for (name, value) in command.assignments() {
            variables.set(name, value);
        }
        match command.program() {
            Some(("for", [name, ..])) => turns.push(name.clone()),
            Some(("read", names)) => turns.extend(names.iter().cloned()),
            Some(_) | None => {}
        }
        if let Some((mut how, name)) = by_command(&command) {
            let image = name.map(|name| without_tag(&variables.expand(&name)).to_owned());
            let by_turns = |name: &String| {
                let forms = [format!("${name}"), format!("${{{name}}}")];
                image.as_ref().is_some_and(|image| forms.iter().any(|form| image.contains(form)))
            };
            // The digest of the last would pass for that of all.
            if turns.iter().any(by_turns) {
                how = How::Unknown("the step pushes several images in a loop");
            }
            // One image under several tags is one image: the last tells its digest.
            found.retain(|(_, other)| other != &image);
            found.push((how, image));
        }
    }
    found
}

fn by_command(command: &Command) -> Option<(How, Option<String>)> {
    let (program, words) = command.program()?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let words = match words.as_slice() {
        ["image", rest @ ..] => rest,
        words => words,
    };
    let last = words.iter().skip(1).rev().find(|word| !word.starts_with('-'));
    let name = last.map(|word| (*word).to_owned());
    match (program, words.first().copied()?) {
        ("docker", "push") => {
            let all = words.iter().any(|word| ["-a", "--all-tags"].contains(word));
            let how = match name.clone().filter(|name| !all && can_be_quoted(name)) {
                Some(name) => How::Docker(name),
                None => How::Unknown("the name of what it pushes cannot be read"),
            };
            Some((how, name))
        }
        ("docker", "buildx" | "build") if words.contains(&"--push") => {
            let tagged = words.windows(2).filter(|pair| ["-t", "--tag"].contains(&pair[0]));
            let name = tagged.map(|pair| pair[1].to_owned()).next_back();
            let how = match name.clone().filter(|name| can_be_quoted(name)) {
                Some(name) => How::Buildx(name),
                None => How::Unknown("the name of what it pushes cannot be read"),
            };
            Some((how, name))
        }
        ("docker", "compose") if words.contains(&"push") => {
            Some((How::Unknown("`docker compose push` tells no digest"), None))
        }
        ("podman" | "buildah" | "nerdctl", "push" | "manifest") if words.contains(&"push") => {
            Some((
                How::Unknown(
                    "write `--digestfile \"$RUNNER_TEMP/digest\"` behind `push`, and `echo \"digest=$(cat \"$RUNNER_TEMP/digest\")\" >> \"$GITHUB_OUTPUT\"` below it",
                ),
                name,
            ))
        }
        _ => None,
    }
}

/// Tells whether double quotes keep a word as it is.
fn can_be_quoted(word: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_./:@${}-%#, ".contains(c);
    !word.is_empty() && word.chars().all(fits)
}

/// Returns the name of an image without its tag; a colon in front of a `/` belongs to a port.
fn without_tag(image: &str) -> &str {
    let name_at = image.rfind('/').unwrap_or(0);
    let mut depth = 0_usize;
    for (at, c) in image.char_indices().skip_while(|(at, _)| *at < name_at) {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ':' | '@' if depth == 0 => return &image[..at],
            _ => {}
        }
    }
    image
}

const DIGEST: &str =
    "# The gate promotes this digest and nothing else: a tag could have moved since.";

/// Lets the jobs hand over the digests of what they push; tells what a person has to do.
pub(super) fn hand_over(draft: &mut Draft, path: &str, pushed: &[Pushed]) -> Vec<Left> {
    let mut left = Vec::new();
    let several = pushed.len() > 1;
    let mut jobs: Vec<&str> = pushed.iter().map(|pushed| pushed.job.as_str()).collect();
    jobs.dedup();
    for id in jobs {
        let of_job: Vec<&Pushed> = pushed.iter().filter(|pushed| pushed.job == id).collect();
        if of_job.iter().any(|pushed| pushed.told) {
            continue;
        }
        let done = match of_job.iter().find_map(|pushed| match (&pushed.how, pushed.matrix) {
            (_, true) => Some("the jobs of a matrix write their outputs over each other"),
            (How::Unknown(why), _) => Some(*why),
            (How::Action | How::Docker(_) | How::Buildx(_), _) => None,
        }) {
            Some(why) => Err(why),
            None => one_job(draft, path, id, &of_job, several)
                .ok_or("the text of the job is not in a form that can be edited"),
        };
        if let Err(why) = done {
            let name = if several { "digests" } else { "digest" };
            left.push(Left {
                job: Some(id.to_owned()),
                lines: None,
                what: format!("job {id} does not hand over the digest of its image"),
                why: why.to_owned(),
                todo: format!("give the job the output `{name}` (https://github.com/tidegate/tidegate/blob/main/docs/how-to/migrate.md)"),
            });
        }
    }
    left
}

fn one_job(
    draft: &mut Draft,
    path: &str,
    id: &str,
    pushed: &[&Pushed],
    several: bool,
) -> Option<()> {
    let mut tried = draft.clone();
    let mut entries = Vec::new();
    // The same step twice would get two outputs of one name.
    let mut steps_seen: Vec<usize> = pushed.iter().map(|pushed| pushed.step).collect();
    steps_seen.dedup();
    if steps_seen.len() != pushed.len() {
        return None;
    }
    for pushed in pushed {
        let (step, image) = one_step(&mut tried, path, id, pushed)?;
        let name = if image {
            format!("${{{{ steps.{step}.outputs.image }}}}")
        } else {
            pushed.image.clone()?
        };
        entries.push((name, format!("${{{{ steps.{step}.outputs.digest }}}}")));
    }
    let line = match entries.as_slice() {
        [(_, digest)] if !several => format!("digest: {digest}"),
        entries => {
            let unfit = |name: &str| name.contains(['\'', '"', '\\', '\n']) || name.contains("$(");
            if entries.iter().any(|(name, _)| unfit(name)) {
                return None;
            }
            let pairs = entries.iter().map(|(name, digest)| format!("\"{name}\": \"{digest}\""));
            format!("digests: '{{{}}}'", pairs.collect::<Vec<_>>().join(", "))
        }
    };
    add_output(&mut tried, id, &line)?;
    *draft = tried;
    Some(())
}

fn add_output(draft: &mut Draft, id: &str, line: &str) -> Option<()> {
    let new: Value = serde_yaml::from_str(line).ok()?;
    let (name, value) = new.as_mapping()?.iter().next()?;
    let text = draft.text().to_owned();
    let lines = Lines::of(&text);
    let outline = Outline::of(&lines)?;
    let keys = job_keys(&lines, outline.job(id)?)?;
    let splice = if let Some(outputs) = keys.iter().find(|key| key.name == "outputs") {
        let first = lines.keys(outputs.line + 1..outputs.lines.end)?.first()?.clone();
        let block = indented(&format!("{DIGEST}\n{line}"), first.indent);
        (first.lines.start..first.lines.start, block)
    } else {
        let steps = keys.iter().find(|key| key.name == "steps")?;
        let block = indented(&format!("outputs:\n  {DIGEST}\n  {line}"), steps.indent);
        (steps.lines.start..steps.lines.start, block)
    };
    draft.edit(vec![splice], |document, _| {
        let job = job_mut(document, id)?;
        let outputs = job.entry("outputs".into()).or_insert_with(|| Value::Mapping(Mapping::new()));
        outputs.as_mapping_mut()?.insert(name.clone(), value.clone());
        Some(())
    })
}

/// Gives a step an id and lets it output the digest; returns the id, and whether it outputs the
/// image's name too.
fn one_step(draft: &mut Draft, path: &str, id: &str, pushed: &Pushed) -> Option<(String, bool)> {
    let step_id = give_id(draft, path, id, pushed.step)?;
    let lines = match &pushed.how {
        How::Action => return Some((step_id, false)),
        How::Unknown(_) => return None,
        How::Docker(name) => format!(
            "pushed=\"{name}\"\n\
             digest=$(docker inspect --format '{{{{range .RepoDigests}}}}{{{{println .}}}}{{{{end}}}}' \"$pushed\" | grep -F \"${{pushed%:*}}@\" | head -n 1)\n\
             test -n \"$digest\"\n\
             echo \"image=${{digest%@*}}\" >> \"$GITHUB_OUTPUT\"\n\
             echo \"digest=${{digest#*@}}\" >> \"$GITHUB_OUTPUT\""
        ),
        How::Buildx(name) => format!(
            "pushed=\"{name}\"\n\
             echo \"image=${{pushed%:*}}\" >> \"$GITHUB_OUTPUT\"\n\
             echo \"digest=$(docker buildx imagetools inspect \"$pushed\" --format '{{{{.Manifest.Digest}}}}')\" >> \"$GITHUB_OUTPUT\""
        ),
    };
    extend_script(draft, id, pushed.step, &lines)?;
    Some((step_id, true))
}

/// Adds lines to the end of a script.
fn extend_script(draft: &mut Draft, id: &str, index: usize, added: &str) -> Option<()> {
    let script = draft.job(id)?.get("steps")?.get(index)?.get("run")?.as_str()?.to_owned();
    let text = draft.text().to_owned();
    let lines = Lines::of(&text);
    let outline = Outline::of(&lines)?;
    let item = steps(&lines, outline.job(id)?)?.get(index)?.clone();
    let run = lines.item_keys(&item)?.into_iter().find(|key| key.name == "run")?;
    let start = script_start(&lines, &item, &script)?;
    let end = lines.without_blank_end(run.line..run.lines.end).end;
    let splice = if start == run.line {
        // A script of one line becomes one of several.
        let line = lines.line(run.line);
        let head = &line[..line.find("run:")? + "run:".len()];
        let block = indented(&format!("{}\n{added}", script.trim_end()), run.indent + 2);
        (run.line..end, format!("{head} |\n{block}"))
    } else {
        let first = (start..end).find(|line| !lines.line(*line).trim().is_empty())?;
        let depth = lines.line(first).len() - lines.line(first).trim_start_matches(' ').len();
        (end..end, indented(added, depth))
    };
    let wanted = format!("{}\n{added}", script.trim_end());
    draft.edit(vec![splice], |expected, new| {
        let own = new.get("jobs")?.get(id)?.get("steps")?.get(index)?.get("run")?;
        // How the block ends (`|`, `|-`, `|+`) is the file's own business.
        if own.as_str()?.trim_end() != wanted.trim_end() {
            return None;
        }
        let step = job_mut(expected, id)?.get_mut("steps")?.get_mut(index)?.as_mapping_mut()?;
        step.insert("run".into(), own.clone());
        Some(())
    })
}

/// Returns the id of a step, which gets one where it has none.
fn give_id(draft: &mut Draft, path: &str, id: &str, index: usize) -> Option<String> {
    let workflow = Workflow::parse(path, draft.text().as_bytes()).ok()?;
    let job: Job<'_> = workflow.jobs().find(|job| job.id == id)?;
    let ids: Vec<Option<&str>> =
        job.steps().map(|step| step.get("id").and_then(Value::as_str)).collect();
    if let Some(own) = ids.get(index).copied().flatten() {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        return own.chars().all(fits).then(|| own.to_owned());
    }
    let names = std::iter::once("build".to_owned()).chain((2..100).map(|n| format!("build-{n}")));
    let mut free = names.filter(|name| !ids.contains(&Some(name.as_str())));
    let name = free.next()?;
    let text = draft.text().to_owned();
    let lines = Lines::of(&text);
    let outline = Outline::of(&lines)?;
    let item = steps(&lines, outline.job(id)?)?.get(index)?.clone();
    let first = lines.item_keys(&item)?.first()?.clone();
    let at = lines.without_blank_end(first.lines).end;
    let splice = (at..at, indented(&format!("id: {name}"), item.indent));
    draft.edit(vec![splice], |value, _| {
        let step = job_mut(value, id)?.get_mut("steps")?.get_mut(index)?.as_mapping_mut()?;
        step.insert("id".into(), name.clone().into());
        Some(())
    })?;
    Some(name)
}
