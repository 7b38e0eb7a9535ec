//! The variables of a workflow, a job, a step and a script, as far as their values are written down.

use std::collections::BTreeMap;

use serde_yaml::Value;

use crate::doctor::workflow::scalar;

/// A value may name a variable whose value names another; nobody goes deeper.
const ROUNDS: usize = 4;

/// Longer than any name of an image or a file, in bytes.
const LONGEST: usize = 4096;

/// Names and values.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables {
    values: BTreeMap<String, String>,
}

impl Variables {
    /// Adds what an `env:` sets, over what is there.
    pub fn add_env(&mut self, env: Option<&Value>) {
        for (name, value) in env.and_then(Value::as_mapping).into_iter().flatten() {
            if let (Some(name), Some(value)) = (name.as_str(), scalar(value)) {
                self.set(name, &value);
            }
        }
    }

    /// Sets one. What a command prints is not known, and `NAME=$NAME` says nothing new.
    pub fn set(&mut self, name: &str, value: &str) {
        let value = self.expand(value);
        if value.contains("$(") || value.contains('`') {
            self.values.remove(name);
        } else {
            self.values.insert(name.to_owned(), value);
        }
    }

    /// Puts values in the place of `$NAME`, `${NAME}` and `${{ env.NAME }}`; what is not known
    /// stays.
    pub fn expand(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for _ in 0..ROUNDS {
            let expanded = self.once(&text);
            if expanded == text || expanded.len() > LONGEST {
                break;
            }
            text = expanded;
        }
        text
    }

    fn once(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            if out.len() > LONGEST {
                break;
            }
            out.push_str(before);
            let (name, length) = reference(after);
            match name.and_then(|name| self.values.get(name)) {
                Some(value) => out.push_str(value),
                None => out.push_str(&rest[before.len()..=before.len() + length]),
            }
            rest = &after[length..];
        }
        out + rest
    }
}

/// Returns the name behind `$`, if one is referred to, and how many bytes to go on.
fn reference(after: &str) -> (Option<&str>, usize) {
    if let Some(expression) = after.strip_prefix("{{") {
        let Some((inner, _)) = expression.split_once("}}") else { return (None, 0) };
        return (inner.trim().strip_prefix("env."), inner.len() + 4);
    }
    if let Some(braced) = after.strip_prefix('{') {
        let Some((inner, _)) = braced.split_once('}') else { return (None, 0) };
        return (Some(inner), inner.len() + 2);
    }
    let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
    ((end > 0).then(|| &after[..end]), end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_are_put_in_and_others_stay() {
        let mut variables = Variables::default();
        variables.set("HOST", "ghcr.io");
        variables.set("IMAGE", "${HOST}/acme/app");
        variables.set("NOW", "$(date)");
        assert_eq!(variables.expand("$IMAGE:stable"), "ghcr.io/acme/app:stable");
        assert_eq!(variables.expand("${{ env.HOST }}/x"), "ghcr.io/x");
        assert_eq!(
            variables.expand("$NOW ${{ github.sha }} ${X} $"),
            "$NOW ${{ github.sha }} ${X} $"
        );
        variables.set("LOOP", "$LOOP$LOOP");
        assert!(variables.expand("$LOOP").len() <= LONGEST);
        for odd in ["${", "${{", "${{ }}", "$$", "é$é"] {
            assert_eq!(variables.expand(odd), odd);
        }
    }
}
