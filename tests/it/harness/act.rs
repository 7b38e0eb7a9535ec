//! Runs workflows for real with `act`, without Docker: each job is a folder on this machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::environment::{isolated_command, require_program};

/// One run of the workflows of a repository, put together before it starts.
pub struct Act {
    command: Command,
    folder: TempDir,
    /// What the workflows call themselves, where their files were given.
    names: Vec<String>,
}

impl Act {
    /// A run of the `push` workflows of `repository` at its HEAD, as GitHub repository `name`. The
    /// workflows are those in the work tree.
    pub fn push(repository: &Path, name: &str) -> Self {
        Self::event("push", repository, name)
    }

    /// A dispatched run of one workflow, given by its path, with these inputs.
    pub fn dispatch(
        repository: &Path,
        name: &str,
        workflow: &Path,
        inputs: &[(&str, &str)],
    ) -> Self {
        let mut act = Self::event("workflow_dispatch", repository, name).workflows(workflow);
        for (name, value) in inputs {
            act.command.args(["--input", &format!("{name}={value}")]);
        }
        act
    }

    /// The run of one workflow that starts when `tag`, at HEAD, is pushed.
    pub fn tag(repository: &Path, name: &str, workflow: &str, tag: &str) -> Self {
        let mut act = Self::event("push", repository, name);
        let event = act.folder.path().join("event.json");
        let json = format!("{{\"ref\": \"refs/tags/{tag}\"}}");
        std::fs::write(&event, json).expect("write the event");
        act.command.arg("--eventpath").arg(event).args(["--workflows", workflow]);
        act.command.args(["--platform", "ubuntu-24.04=-self-hosted"]);
        act
    }

    /// The run that a `schedule` of the workflows with these cron fields starts.
    pub fn schedule(repository: &Path, name: &str, cron: &str) -> Self {
        let mut act = Self::event("schedule", repository, name);
        let event = act.folder.path().join("event.json");
        let json = format!("{{\"schedule\": \"{cron}\"}}");
        std::fs::write(&event, json).expect("write the event");
        act.command.arg("--eventpath").arg(event);
        act
    }

    /// Takes this machine for runners with this label.
    pub fn platform(mut self, label: &str) -> Self {
        self.command.args(["--platform", &format!("{label}=-self-hosted")]);
        self
    }

    fn event(event: &str, repository: &Path, name: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let mut command = isolated_command(require_program("act"), folder.path());
        command
            .args([event, "--platform", "ubuntu-latest=-self-hosted"])
            // Real checkouts through our stand-in, not act's copy of the work tree.
            .arg("--no-skip-checkout")
            // No server of act's own: it would listen on the machine's outside address.
            .arg("--no-cache-server")
            .current_dir(repository)
            .stdin(Stdio::null());
        Self { command, folder, names: Vec::new() }.env("GITHUB_REPOSITORY", name)
    }

    /// Takes the workflows from a folder, or from one file, and not from the work tree.
    pub fn workflows(mut self, path: &Path) -> Self {
        self.command.arg("--workflows").arg(path);
        let files: Vec<PathBuf> = match fs::read_dir(path) {
            Ok(entries) => entries.map(|entry| entry.expect("a workflow").path()).collect(),
            Err(_) => vec![path.to_owned()],
        };
        for file in files {
            let text = fs::read_to_string(file).expect("a workflow");
            let name = text.lines().find_map(|line| line.strip_prefix("name: "));
            self.names.extend(name.map(str::to_owned));
        }
        self
    }

    /// Takes the action `name@ref` from a folder.
    pub fn action(mut self, name_at_ref: &str, folder: &Path) -> Self {
        let mapping = format!("{name_at_ref}={}", folder.display());
        self.command.args(["--local-repository", &mapping]);
        self
    }

    /// Runs only the jobs of a matrix that have `name:value`.
    pub fn only(mut self, name_and_value: &str) -> Self {
        self.command.args(["--matrix", name_and_value]);
        self
    }

    /// Sets an environment variable of every step.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.args(["--env", &format!("{name}={value}")]);
        self
    }

    /// Puts a folder of programs in front of PATH.
    pub fn programs(mut self, folder: &Path) -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(folder.to_path_buf()).chain(std::env::split_paths(&path));
        self.command.env("PATH", std::env::join_paths(folders).expect("a PATH"));
        self
    }

    /// Sets a variable of the repository (`vars.NAME`).
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.command.args(["--var", &format!("{name}={value}")]);
        self
    }

    /// Sets who started the run (`github.actor`).
    pub fn actor(mut self, name: &str) -> Self {
        self.command.args(["--actor", name]);
        self
    }

    /// Sets the token of the run (`github.token`).
    pub fn token(mut self, token: &str) -> Self {
        // Taken from act's environment: not an argument that other processes can read.
        self.command.env("GITHUB_TOKEN", token).args(["--secret", "GITHUB_TOKEN"]);
        self
    }

    /// Sets a secret of the repository (`secrets.NAME`).
    pub fn secret(mut self, name: &str, value: &str) -> Self {
        // Taken from act's environment, as the token is.
        self.command.env(name, value).args(["--secret", name]);
        self
    }

    /// Runs the workflows to their end.
    pub fn run(mut self) -> ActRun {
        let output = self.command.output().expect("start act");
        let mut log = String::from_utf8_lossy(&output.stdout).into_owned();
        log.push_str(&String::from_utf8_lossy(&output.stderr));
        drop(self.folder);
        ActRun { jobs: job_results(&log, &self.names), log }
    }
}

/// What a run of workflows left behind, besides what it did to the servers.
pub struct ActRun {
    /// Whether each job that ran succeeded, by its name. A skipped job is not in it.
    pub jobs: BTreeMap<String, bool>,
    /// Everything that was printed.
    pub log: String,
}

impl ActRun {
    /// Asserts which jobs succeeded and which failed; shows the log when it is otherwise.
    #[track_caller]
    pub fn expect_jobs(&self, expected: &[(&str, bool)]) {
        let expected: BTreeMap<String, bool> =
            expected.iter().map(|(name, succeeded)| ((*name).to_owned(), *succeeded)).collect();
        assert_eq!(self.jobs, expected, "the log:\n{}", self.log);
    }
}

/// Reads the closing line of each job: `[Workflow/Job name ] 🏁  Job succeeded`. The workflow's name
/// may have a slash in it.
fn job_results(log: &str, names: &[String]) -> BTreeMap<String, bool> {
    log.lines()
        .filter_map(|line| {
            let (prefix, rest) = line.strip_prefix('[')?.split_once(']')?;
            let known = names.iter().find_map(|name| prefix.strip_prefix(name)?.strip_prefix('/'));
            let job = known.or_else(|| prefix.split_once('/').map(|(_, job)| job))?;
            match rest.split_once("🏁  Job ")?.1.trim() {
                "succeeded" => Some((job.trim().to_owned(), true)),
                "failed" => Some((job.trim().to_owned(), false)),
                _ => None,
            }
        })
        .collect()
}
