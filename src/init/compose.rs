//! The services of a compose file that are built ("Compose file reference", `services` and
//! `build`).

use serde_yaml::Value;

use super::quote::is_plain_path;
use super::survey::{folder, join};
use crate::doctor::workflow::scalar;

/// More brackets than any compose file has: the YAML library takes time with the square of their
/// depth.
const MOST_BRACKETS: usize = 1_000;

/// A service with `build`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) context: String,
    pub(super) dockerfile: String,
    pub(super) target: Option<String>,
    /// The name of its image, as it is written.
    pub(super) image: Option<String>,
    /// The command of its healthcheck.
    pub(super) healthcheck: Option<String>,
    /// Whether `build` has arguments.
    pub(super) args: bool,
}

/// What a compose file says.
#[derive(Debug, Default)]
pub(super) struct Compose {
    pub(super) services: Vec<Service>,
    /// The services that cannot be built in a workflow, and why.
    pub(super) left_out: Vec<(String, &'static str)>,
}

/// Reads the file at `path`; `None` where it is no compose file.
pub(super) fn read(path: &str, text: &str) -> Option<Compose> {
    if text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() > MOST_BRACKETS {
        return None;
    }
    let document: Value = serde_yaml::from_str(text).ok()?;
    let mut compose = Compose::default();
    for (name, service) in document.get("services")?.as_mapping()? {
        let Some(name) = name.as_str() else { continue };
        let Some(build) = service.get("build") else { continue };
        match built(folder(path), name, service, build) {
            Ok(service) => compose.services.push(service),
            Err(why) => compose.left_out.push((name.to_owned(), why)),
        }
    }
    Some(compose)
}

fn built(base: &str, name: &str, service: &Value, build: &Value) -> Result<Service, &'static str> {
    let key = |key: &str| build.get(key).and_then(scalar);
    if build.get("dockerfile_inline").is_some() {
        return Err("its Dockerfile stands in the compose file");
    }
    let written = build.as_str().map(str::to_owned).or_else(|| key("context"));
    let context = inside(base, written.as_deref().unwrap_or("."))?;
    let at = if context == "." { "" } else { context.as_str() };
    let dockerfile = inside(at, &key("dockerfile").unwrap_or_else(|| "Dockerfile".to_owned()))?;
    let target = key("target");
    if target.as_deref().is_some_and(|target| !is_plain_path(target)) {
        return Err("the name of its stage has unusual characters");
    }
    Ok(Service {
        name: name.to_owned(),
        context,
        dockerfile,
        target,
        image: service.get("image").and_then(scalar),
        healthcheck: service.get("healthcheck").and_then(healthcheck),
        args: build.get("args").is_some(),
    })
}

/// Resolves a path against a folder of the repository; the root is `.`.
fn inside(base: &str, path: &str) -> Result<String, &'static str> {
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    if path.starts_with('/') || path.contains(':') {
        return Err("it is built from outside the repository");
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or("it is built from outside the repository")?;
            }
            part => parts.push(part),
        }
    }
    let path = parts.iter().fold(String::new(), |path, part| join(&path, part));
    if path.is_empty() {
        return Ok(".".to_owned());
    }
    if is_plain_path(&path) { Ok(path) } else { Err("its path has unusual characters") }
}

/// Returns the command, without the word that says how it is run.
fn healthcheck(check: &Value) -> Option<String> {
    let words = match check.get("test")? {
        Value::Sequence(words) => {
            let words: Vec<String> = words.iter().filter_map(scalar).collect();
            match words.split_first()? {
                (first, rest) if first == "CMD" || first == "CMD-SHELL" => rest.join(" "),
                (first, _) if first == "NONE" => return None,
                _ => words.join(" "),
            }
        }
        other => scalar(other)?,
    };
    (!words.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_that_are_built_are_found() {
        let text = "services:\n  db: { image: postgres }\n  api:\n    build: ./api\n    \
                    healthcheck: { test: [CMD, curl, -f, 'http://localhost/'] }\n  web:\n    \
                    build: { context: .., dockerfile: deploy/web/Dockerfile, target: final }\n  \
                    bad: { build: '$(id)' }\n  out: { build: ../../.. }\n  url: { build: 'https://x' }\n";
        let compose = read("deploy/compose.yaml", text).unwrap();
        let seen: Vec<_> = compose
            .services
            .iter()
            .map(|own| (own.name.as_str(), own.context.as_str(), own.dockerfile.as_str()))
            .collect();
        assert_eq!(
            seen,
            [("api", "deploy/api", "deploy/api/Dockerfile"), ("web", ".", "deploy/web/Dockerfile")]
        );
        assert_eq!(compose.services[0].healthcheck.as_deref(), Some("curl -f http://localhost/"));
        assert_eq!(compose.services[1].target.as_deref(), Some("final"));
        assert_eq!(compose.left_out.len(), 3, "{:?}", compose.left_out);
    }
}
