//! The environment of a service: `env_file`, and `environment` over it.

use super::interpolate::is_name;
use super::service::Reader;
use super::tree::{Kind, Node};
use super::values::join;
use super::wrong::Wrong;
use super::{Variables, Warning, env_file};
use crate::secret::Secret;
use crate::stack::Value;

/// The most files with variables of a service.
const MOST_ENV_FILES: usize = 32;

impl Reader<'_> {
    /// Reads `env_file` and puts `environment` over it.
    pub(super) fn environment(
        &mut self,
        service: &str,
        files: Option<&Node>,
        environment: Option<&Node>,
    ) -> Result<Variables, Wrong> {
        let mut variables = Variables::new();
        let files = match files {
            Some(node) if matches!(node.kind, Kind::Map(_)) => std::slice::from_ref(node),
            Some(node) => node.one_or_more()?,
            None => &[],
        };
        if let Some(more) = files.get(MOST_ENV_FILES) {
            return Err(more.wrong(format!("more than {MOST_ENV_FILES} files")));
        }
        for file in files {
            variables.extend(self.env_file(file)?);
        }
        let Some(node) = environment else { return Ok(variables) };
        let mut set = |node: &Node, name: &str, value: Option<Value>| {
            if name.is_empty() || name.len() > 256 || name.contains(['=', '\0']) {
                let name: String = name.chars().take(40).collect();
                return Err(node.wrong(format!("{name:?} is no name of a variable")));
            }
            // As with `docker compose`: without a value it is taken over, or is not set.
            if let Some(value) = value.or_else(|| self.interpolation.variable(name).cloned()) {
                variables.insert(name.to_owned(), value);
            } else {
                variables.remove(name);
                let text = format!("has no value for `{name}`: it is not set");
                self.warnings.push(Warning::of(service, "environment", text));
            }
            Ok(())
        };
        match &node.kind {
            Kind::List(entries) => {
                for entry in entries {
                    // The name cannot be told from the secret any more.
                    if let Kind::Secret(secret) = &entry.kind {
                        let pair = secret.expose().split_once('=');
                        let Some((name, value)) = pair.filter(|(name, _)| is_name(name)) else {
                            return Err(entry.wrong("expected NAME=value"));
                        };
                        set(entry, name, Some(Value::Secret(Secret::new(value))))?;
                    } else {
                        let text = entry.text()?;
                        let pair = text.split_once('=');
                        let (name, value) =
                            pair.map_or((text, None), |(name, value)| (name, Some(value)));
                        set(entry, name, value.map(|value| Value::Plain(value.to_owned())))?;
                    }
                }
            }
            _ => {
                for (name, value) in node.map()? {
                    let given = match &value.kind {
                        Kind::Null => None,
                        Kind::Secret(secret) => Some(Value::Secret(secret.clone())),
                        _ => Some(Value::Plain(value.text()?.to_owned())),
                    };
                    set(value, name, given)?;
                }
            }
        }
        Ok(variables)
    }

    /// Reads one entry of `env_file`: a path, or `path`, `required` and `format`.
    fn env_file(&self, node: &Node) -> Result<Variables, Wrong> {
        let (path, required, raw) = match &node.kind {
            Kind::Map(_) => {
                let path = node.get("path").ok_or_else(|| node.wrong("`path` is missing"))?;
                let required = node.get("required").map_or(Ok(true), Node::flag)?;
                let format = node.get("format").map(Node::text).transpose()?;
                if format.is_some_and(|format| format != "raw") {
                    return Err(node.wrong("expected the format `raw` or none"));
                }
                (path.text()?, required, format.is_some())
            }
            _ => (node.text()?, true, false),
        };
        let place = join(self.folder, path)
            .ok_or_else(|| node.wrong("the path leads out of the repository"))?;
        let text =
            self.query.files.text(&place).map_err(|why| {
                Wrong::other(place.clone(), None, format!("cannot be read: {why}"))
            })?;
        let Some(text) = text else {
            if required {
                let problem = format!("there is no file {place:?} in the repository");
                let hint = "commit it without secrets, or say `required: false`";
                return Err(node.wrong(problem).hint(hint));
            }
            return Ok(Variables::new());
        };
        env_file::read(&text, self.interpolation, raw)
            .map_err(|bad| Wrong::other(place, Some(bad.line), bad.problem))
    }
}
