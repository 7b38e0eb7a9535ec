//! How to go on by hand in the folder that a demo leaves behind.

use std::path::Path;

use serde::Serialize;

/// One thing to try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct NextStep {
    /// What it shows.
    pub(super) about: &'static str,
    /// What to type, line by line.
    pub(super) run: Vec<String>,
}

/// Returns what to type after the demo, to be tried in this order.
pub(super) fn steps(folder: &Path) -> Vec<NextStep> {
    let tidegate = program();
    let step = |about, lines: &[&str]| NextStep {
        about,
        run: lines.iter().map(|line| line.replace("tidegate ", &format!("{tidegate} "))).collect(),
    };
    vec![
        NextStep {
            about: "go there",
            run: vec![format!("cd {}", quoted(&folder.join("app").display().to_string()))],
        },
        step(
            "promote the commit that waits on branch next",
            &[
                "git merge --ff-only next",
                "git push origin main",
                "tidegate gate --needs @../needs-passed.json",
            ],
        ),
        step(
            "break something, and have it rolled back (exit code 3)",
            &[
                "git pull --ff-only origin main",
                "echo 'raise SystemExit' >> app.py",
                "git commit -a -m 'Break the app'",
                "git push origin main",
                "tidegate gate --needs @../needs-failed.json",
            ],
        ),
        step("look at it", &["git pull --ff-only origin main", "tidegate status"]),
    ]
}

/// Names this program as a shell finds it.
fn program() -> String {
    let name = "tidegate".to_owned();
    let Ok(own) = std::env::current_exe() else { return name };
    let same = |found: &Path| {
        found.canonicalize().is_ok_and(|found| own.canonicalize().is_ok_and(|own| own == found))
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let first = std::env::split_paths(&path)
        .map(|folder| folder.join("tidegate"))
        .find(|candidate| candidate.is_file());
    match first {
        Some(found) if same(&found) => name,
        Some(_) | None => quoted(&own.display().to_string()),
    }
}

/// Quotes a path for a POSIX shell, where it needs that.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if path.chars().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_through_a_shell_as_they_are() {
        assert_eq!(quoted("/tmp/a-b/c.d"), "/tmp/a-b/c.d");
        assert_eq!(quoted("/tmp/it's $HOME"), "'/tmp/it'\\''s $HOME'");
    }
}
