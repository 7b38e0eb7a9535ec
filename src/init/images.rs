//! The images of the release set: what is built from which Dockerfile, and what it is called.

use std::collections::BTreeSet;

use super::compose::{self, Service};
use super::design::{Build, Wishes};
use super::error::InitError;
use super::probes;
use super::quote::is_plain_path;
use super::survey::{Survey, folder, is_compose, is_dockerfile, join, name};
use crate::model::ImageRef;

/// More images than this are nobody's release set.
const MOST: usize = 20;

/// What is built, before it has a name.
struct Found {
    /// A word for people, and for the name: the service or the folder.
    label: String,
    /// Whether it is the one image of the root's Dockerfile.
    of_root: bool,
    /// What it is called already.
    image: Option<ImageRef>,
    context: String,
    dockerfile: String,
    target: Option<String>,
    healthcheck: Option<String>,
}

/// Lists the images.
///
/// # Errors
/// Nobody knows their names, or other names were given than are built.
pub(super) fn builds(
    survey: &Survey,
    wishes: &Wishes,
    remarks: &mut Vec<String>,
) -> Result<Vec<Build>, InitError> {
    let mut found = from_compose(survey, remarks);
    let free = from_dockerfiles(survey, remarks);
    if found.is_empty() {
        found = free;
    } else {
        let known: BTreeSet<_> = found.iter().map(|own| own.dockerfile.clone()).collect();
        for other in free.iter().filter(|own| !known.contains(&own.dockerfile)) {
            let file = &other.dockerfile;
            remarks.push(format!("{file}: left out, no service of the compose file builds it"));
        }
    }
    tell_apart(&mut found);
    found.retain(|own| !wishes.without.contains(&own.label));
    for beyond in found.drain(found.len().min(MOST)..) {
        remarks.push(format!("{}: left out, {MOST} images are enough", beyond.dockerfile));
    }
    name_all(survey, wishes, found, remarks)
}

/// Gives each image a label of its own: two folders may end with the same word.
fn tell_apart(found: &mut [Found]) {
    let mut taken = BTreeSet::new();
    for own in found {
        let first = own.label.clone();
        let mut number = 2;
        while !taken.insert(own.label.clone()) {
            own.label = format!("{first}-{number}");
            number += 1;
        }
    }
}

fn from_compose(survey: &Survey, remarks: &mut Vec<String>) -> Vec<Found> {
    let files = survey.named(is_compose);
    let Some((path, read)) = files
        .iter()
        .filter_map(|path| Some((*path, compose::read(path, survey.text(path)?)?)))
        .find(|(_, read)| !read.services.is_empty() || !read.left_out.is_empty())
    else {
        return Vec::new();
    };
    for (service, why) in &read.left_out {
        remarks.push(format!("service {service} of {path}: left out, {why}"));
    }
    let alone = read.services.len() == 1;
    let mut found: Vec<Found> = Vec::new();
    for service in read.services {
        if !survey.paths.contains(&service.dockerfile) {
            let (own, file) = (&service.name, &service.dockerfile);
            remarks.push(format!("service {own} of {path}: left out, there is no {file}"));
            continue;
        }
        if service.args {
            let own = &service.name;
            remarks.push(format!("service {own} of {path}: its build arguments are not passed"));
        }
        match found.iter().find(|own| is_same(own, &service)) {
            Some(same) => {
                let (own, same) = (&service.name, &same.label);
                remarks.push(format!("service {own} of {path}: has the image of {same}"));
            }
            None => found.push(Found {
                of_root: alone && service.dockerfile == "Dockerfile",
                label: service.name,
                image: service.image.as_deref().and_then(written_name),
                context: service.context,
                dockerfile: service.dockerfile,
                target: service.target,
                healthcheck: service.healthcheck,
            }),
        }
    }
    found
}

fn is_same(found: &Found, service: &Service) -> bool {
    found.dockerfile == service.dockerfile
        && found.context == service.context
        && found.target == service.target
        && found.image == service.image.as_deref().and_then(written_name)
}

/// Reads the name of an image without its tag. Docker Hub's names have no host, or one that is not
/// the registry's own: such images get a name in GHCR.
fn written_name(text: &str) -> Option<ImageRef> {
    let text = text.split('@').next()?;
    let (path, last) = text.rsplit_once('/')?;
    let image: ImageRef = format!("{path}/{}", last.split(':').next()?).parse().ok()?;
    match &image {
        ImageRef::Registry { host, .. }
            if !is_docker_hub(host) && !host.starts_with("localhost") =>
        {
            Some(image)
        }
        ImageRef::Registry { .. } | ImageRef::Layout(_) => None,
    }
}

fn is_docker_hub(host: &str) -> bool {
    ["docker.io", "index.docker.io", "registry-1.docker.io"].contains(&host)
}

fn from_dockerfiles(survey: &Survey, remarks: &mut Vec<String>) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for path in survey.named(is_dockerfile) {
        if !is_plain_path(path) {
            let shown = super::quote::comment(path);
            remarks.push(format!("{shown}: left out, its path has unusual characters"));
            continue;
        }
        let (at, file) = (folder(path), name(path));
        let kind = match file.split_once('.') {
            Some(("Dockerfile" | "Containerfile", kind) | (kind, _)) => Some(kind),
            None => None,
        };
        let label = match (kind, at.rsplit('/').next()) {
            (Some(kind), _) => kind.to_owned(),
            (None, Some(last)) if !last.is_empty() => last.to_owned(),
            (None, _) => "app".to_owned(),
        };
        found.push(Found {
            of_root: at.is_empty() && kind.is_none(),
            label,
            image: None,
            context: context(survey, path),
            dockerfile: path.to_owned(),
            target: None,
            healthcheck: None,
        });
    }
    found
}

/// The folder of the Dockerfile, or the root where its `COPY` lines name that folder, or what is in
/// the root only.
fn context(survey: &Survey, path: &str) -> String {
    let at = folder(path);
    let text = survey.text(path).unwrap_or_default();
    let from_root = text.lines().map(str::trim_start).any(|line| {
        let mut words = line.split_whitespace();
        let copies = words.next().is_some_and(|word| {
            word.eq_ignore_ascii_case("copy") || word.eq_ignore_ascii_case("add")
        });
        let words: Vec<&str> = words.filter(|word| !word.starts_with("--chown")).collect();
        // Another stage is no folder.
        if !copies || words.iter().any(|word| word.starts_with("--from")) {
            return false;
        }
        let sources = words.split_last().map(|(_, sources)| sources).unwrap_or_default();
        sources.iter().any(|word| {
            let word = word.trim_start_matches("./").trim_end_matches('/');
            let named =
                word.strip_prefix(at).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            named || (!is_there(survey, at, word) && is_there(survey, "", word))
        })
    });
    if at.is_empty() || from_root { ".".to_owned() } else { at.to_owned() }
}

/// Tells whether a folder has such a file or folder.
fn is_there(survey: &Survey, at: &str, name: &str) -> bool {
    let path = join(at, name);
    let inside = format!("{path}/");
    let first = survey.paths.range(inside.clone()..).next();
    survey.paths.contains(&path) || first.is_some_and(|own| own.starts_with(&inside))
}

fn name_all(
    survey: &Survey,
    wishes: &Wishes,
    found: Vec<Found>,
    remarks: &mut Vec<String>,
) -> Result<Vec<Build>, InitError> {
    let configured = survey.config.as_ref().and_then(|config| config.images.clone());
    let named = match (wishes.images.is_empty(), configured) {
        (false, _) => wishes.images.clone(),
        // What the configuration says already is kept, as far as it fits.
        (true, Some(own)) if own.is_empty() => {
            let left_out = |build: &Found| {
                format!("{}: left out, the configuration says `images: []`", build.dockerfile)
            };
            remarks.extend(found.iter().map(left_out));
            return Ok(Vec::new());
        }
        (true, Some(own)) if own.len() == found.len() => own,
        (true, Some(_) | None) => Vec::new(),
    };
    if let (true, Some(image)) = (found.is_empty(), wishes.images.first()) {
        return Err(InitError::NothingToBuild { image: image.to_string() });
    }
    if !named.is_empty() && named.len() != found.len() {
        let dockerfiles: Vec<&str> = found.iter().map(|own| own.dockerfile.as_str()).collect();
        return Err(InitError::OtherCount {
            names: named.len(),
            builds: found.len(),
            dockerfiles: dockerfiles.join(", "),
        });
    }
    let mut given = named.into_iter();
    let mut taken = BTreeSet::new();
    let mut builds = Vec::new();
    for own in found {
        // Two services may push one image by different tags, which a gate cannot tell apart.
        let written = || own.image.clone().filter(|image| !taken.contains(image));
        let image = match given.next().or_else(written) {
            Some(image) => image,
            None => free_name(survey, &own, &taken)?,
        };
        if let Some(other) = own.image.as_ref().filter(|other| taken.contains(other)) {
            let label = &own.label;
            remarks
                .push(format!("{label}: is called {image}, for {other} is another image's name"));
        }
        taken.insert(image.clone());
        let probe = probes::propose(survey, &own.dockerfile, own.healthcheck.as_deref());
        builds.push(Build {
            label: own.label,
            image,
            context: own.context,
            dockerfile: own.dockerfile,
            target: own.target,
            probe,
        });
    }
    Ok(builds)
}

/// Returns a name in GHCR that no other image has.
fn free_name(
    survey: &Survey,
    found: &Found,
    taken: &BTreeSet<ImageRef>,
) -> Result<ImageRef, InitError> {
    let unknown = || InitError::NoImageName { dockerfile: found.dockerfile.clone() };
    let repository = survey.repository.as_deref().ok_or_else(unknown)?;
    let base: Vec<String> = repository.split('/').map(component).collect();
    let base = format!("ghcr.io/{}", base.join("/"));
    let own = if found.of_root { base } else { format!("{base}-{}", component(&found.label)) };
    (1..=MOST + 1)
        .filter_map(|number| {
            let name = if number == 1 { own.clone() } else { format!("{own}-{number}") };
            name.parse().ok()
        })
        .find(|image| !taken.contains(image))
        .ok_or_else(unknown)
}

/// Makes a part of a repository's name, as the OCI distribution specification wants it ("Pulling
/// manifests"): lower case, digits, single separators inside.
fn component(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(80) {
        let c = c.to_ascii_lowercase();
        let separator = !(c.is_ascii_lowercase() || c.is_ascii_digit());
        let c = if separator && c != '.' && c != '_' { '-' } else { c };
        if !(separator && out.ends_with(['-', '.', '_'])) {
            out.push(c);
        }
    }
    let out = out.trim_matches(['-', '.', '_']);
    if out.is_empty() { "image".to_owned() } else { out.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_names_are_valid() {
        for (text, part) in [
            ("Api", "api"),
            ("my service", "my-service"),
            ("${{ x }}", "x"),
            ("--", "image"),
            ("a__b..c", "a_b.c"),
            ("ÄPI", "pi"),
        ] {
            assert_eq!(component(text), part);
            assert!(format!("ghcr.io/acme/{part}").parse::<ImageRef>().is_ok());
        }
    }

    #[test]
    fn only_names_with_a_registry_are_kept() {
        let name = |text| written_name(text).map(|image| image.to_string());
        assert_eq!(name("ghcr.io/acme/api:1.2").as_deref(), Some("ghcr.io/acme/api"));
        assert_eq!(name("r.acme.io:5000/api@sha256:0").as_deref(), Some("r.acme.io:5000/api"));
        for text in ["api", "acme/api:1", "docker.io/acme/api", "ghcr.io/${X}/api", "ghcr.io/$(id)"]
        {
            assert_eq!(name(text), None, "{text}");
        }
    }
}
