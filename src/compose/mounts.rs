//! What a service sees besides its image: volumes, files of the repository, secrets and
//! configurations.

use super::Warning;
use super::service::{Build, Reader};
use super::tree::{Kind, Node};
use super::values::join;
use super::wrong::Wrong;
use crate::stack::{Mount, MountSource};

const OUTSIDE: &str = "leads out of the repository, and nothing else of the runner is mounted";

/// Reads `volumes`, `tmpfs`, `secrets` and `configs` of a service. `build`: whether it is built, and
/// from which folder.
pub(super) fn read(
    reader: &mut Reader<'_>,
    service: &str,
    node: &Node,
    build: Option<&Build>,
) -> Result<Vec<Mount>, Wrong> {
    let mut mounts: Vec<Mount> = Vec::new();
    for entry in node.get("volumes").map_or(Ok(&[][..]), Node::list)? {
        let written = match &entry.kind {
            Kind::Map(_) => long(entry)?,
            _ => short(entry)?,
        };
        let mount = reader.volume(service, entry, written, build)?;
        mounts.push(mount);
    }
    for entry in node.get("tmpfs").map_or(Ok(&[][..]), Node::one_or_more)? {
        let text = entry.text()?;
        let at = absolute(entry, text.split_once(':').map_or(text, |(at, _)| at))?;
        mounts.push(Mount { at, source: MountSource::Tmpfs, read_only: false });
    }
    for (kind, folder) in [("secrets", "/run/secrets/"), ("configs", "/")] {
        for entry in node.get(kind).map_or(Ok(&[][..]), Node::list)? {
            let mount = reader.file(entry, kind, folder)?;
            mounts.push(mount);
        }
    }
    mounts.sort_by(|a, b| a.at.cmp(&b.at));
    if let Some(pair) = mounts.windows(2).find(|pair| pair[0].at == pair[1].at) {
        return Err(Wrong::at(
            &node.way,
            format!("service `{service}` mounts {:?} twice", pair[0].at),
        ));
    }
    Ok(mounts)
}

/// An entry of `volumes`.
struct Written {
    source: Option<String>,
    at: String,
    read_only: bool,
    tmpfs: bool,
    /// Whether the source is a path.
    bind: bool,
}

/// Reads `[source:]target[:mode]`.
fn short(entry: &Node) -> Result<Written, Wrong> {
    let text = entry.text()?;
    let parts: Vec<&str> = text.split(':').collect();
    let (source, at, mode) = match parts[..] {
        [at] => (None, at, ""),
        [source, at] => (Some(source), at, ""),
        [source, at, mode] => (Some(source), at, mode),
        _ => return Err(entry.wrong("expected source:target or source:target:ro")),
    };
    let bind =
        source.is_some_and(|source| source.starts_with(['.', '/', '~']) || source.contains('/'));
    Ok(Written {
        source: source.map(str::to_owned),
        at: absolute(entry, at)?,
        read_only: mode.split(',').any(|option| option == "ro"),
        tmpfs: false,
        bind,
    })
}

/// Reads an entry with `type`, `source` and `target`.
fn long(entry: &Node) -> Result<Written, Wrong> {
    let kind = entry.get("type").map_or(Ok("volume"), Node::text)?;
    let (bind, tmpfs) = match kind {
        "volume" => (false, false),
        "bind" => (true, false),
        "tmpfs" => (false, true),
        _ => return Err(entry.wrong("expected the type `volume`, `bind` or `tmpfs`")),
    };
    let target = entry.get("target").ok_or_else(|| entry.wrong("`target` is missing"))?;
    let source = entry.get("source").map(|source| source.text().map(str::to_owned)).transpose()?;
    if bind && source.is_none() {
        return Err(entry.wrong("`source` is missing"));
    }
    Ok(Written {
        source,
        at: absolute(target, target.text()?)?,
        read_only: entry.get("read_only").map_or(Ok(false), Node::flag)?,
        tmpfs,
        bind,
    })
}

/// A path in the container.
fn absolute(entry: &Node, path: &str) -> Result<String, Wrong> {
    let odd = path.contains(['\0', '\n', ',']) || path.split('/').any(|part| part == "..");
    if !path.starts_with('/') || odd || path.len() > 4_096 {
        return Err(entry.wrong("expected an absolute path in the container"));
    }
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() {
        return Err(entry.wrong("nothing can be mounted over the whole image"));
    }
    Ok(trimmed.to_owned())
}

impl Reader<'_> {
    fn volume(
        &mut self,
        service: &str,
        entry: &Node,
        written: Written,
        build: Option<&Build>,
    ) -> Result<Mount, Wrong> {
        let Written { source, at, read_only, tmpfs, bind } = written;
        let Some(source) = source.filter(|_| !tmpfs) else {
            let source = if tmpfs { MountSource::Tmpfs } else { MountSource::Anonymous };
            return Ok(Mount { at, source, read_only });
        };
        if !bind {
            self.declared(service, entry, &source)?;
            return Ok(Mount { at, source: MountSource::Volume(source), read_only });
        }
        if source.ends_with("docker.sock") || source.ends_with("podman.sock") {
            let problem = "the engine's socket is never mounted: who holds it holds the runner";
            return Err(entry.wrong(problem));
        }
        let path = join(self.folder, &source)
            .ok_or_else(|| entry.wrong(format!("{source:?} {OUTSIDE}")))?;
        if let Some(build) = build {
            // Development mounts: what would be probed is the checkout, not the image.
            if build.context.as_ref().is_some_and(|context| covers(&path, context)) {
                let problem = format!(
                    "{source:?} holds the sources of the image, and would hide what is in the image"
                );
                let hint = "keep it in a compose file for development (compose.override.yml)";
                return Err(entry.wrong(problem).hint(hint));
            }
            let text = format!("puts {path:?} of the checkout over the image at {at}");
            self.warnings.push(Warning::of(service, "volumes", text));
        }
        if !read_only {
            let text = format!("mounts {path:?} so that the container can only read it");
            self.warnings.push(Warning::of(service, "volumes", text));
        }
        Ok(Mount { at, source: self.repository(entry, &path)?, read_only: true })
    }

    /// A named volume has to be declared, as `docker compose` wants it.
    fn declared(&mut self, service: &str, entry: &Node, name: &str) -> Result<(), Wrong> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        if name.is_empty() || name.len() > 128 || !name.bytes().all(allowed) {
            return Err(entry.wrong("expected the name of a volume"));
        }
        let volume = self.document.get("volumes").and_then(|volumes| volumes.get(name));
        let volume = volume.ok_or_else(|| {
            let problem = format!("the volume `{name}` is not declared");
            entry.wrong(problem).hint(format!("add `{name}:` under `volumes:` at the top"))
        })?;
        if volume.get("external").or_else(|| volume.get("driver_opts")).is_some() {
            let text = format!("`{name}` is a new empty volume of the run");
            self.warnings.push(Warning::of(service, "volumes", text));
        }
        Ok(())
    }

    /// A secret or a configuration from a file.
    fn file(&self, entry: &Node, kind: &str, folder: &str) -> Result<Mount, Wrong> {
        let (name, target) = match &entry.kind {
            Kind::Map(_) => {
                let source =
                    entry.get("source").ok_or_else(|| entry.wrong("`source` is missing"))?;
                (source.text()?, entry.get("target").map(Node::text).transpose()?)
            }
            _ => (entry.text()?, None),
        };
        let shown: String = name.chars().take(80).collect();
        let declared = self.document.get(kind).and_then(|all| all.get(name));
        let declared = declared
            .ok_or_else(|| entry.wrong(format!("`{shown}` is not under `{kind}:` at the top")))?;
        let declared = self.interpolation.fill(declared)?;
        let file = declared.get("file").ok_or_else(|| {
            let problem = "only those with `file` are supported";
            declared
                .wrong(problem)
                .hint("pass a secret as a variable: `containers.default.secrets`")
        })?;
        let at = match target {
            Some(target) if target.starts_with('/') => target.to_owned(),
            target => format!("{folder}{}", target.unwrap_or(name)),
        };
        let path = file.text()?;
        let path =
            join(self.folder, path).ok_or_else(|| file.wrong(format!("{path:?} {OUTSIDE}")))?;
        let source = self.repository(file, &path)?;
        Ok(Mount { at: absolute(entry, &at)?, source, read_only: true })
    }

    fn repository(&self, node: &Node, path: &str) -> Result<MountSource, Wrong> {
        let place = self.query.files.place(path);
        let place =
            place.map_err(|why| node.wrong(format!("{path:?} cannot be mounted: {why}")))?;
        let missing = || node.wrong(format!("there is no {path:?} in the repository"));
        Ok(MountSource::Repository(place.ok_or_else(missing)?))
    }
}

/// Whether `folder` is `inside` or a folder above it.
fn covers(folder: &str, inside: &str) -> bool {
    folder.is_empty()
        || folder == inside
        || inside.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}
