//! The built `tidegate`, run as a person or a workflow runs it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::environment::isolated_command;

/// One run of the built binary, put together before it starts.
///
/// ```ignore
/// Tidegate::new().args(["last-good"]).current_dir(repo.path()).run().success();
/// ```
pub struct Tidegate {
    command: Command,
    stdin: Vec<u8>,
    // Kept so that the home folder lives as long as the run.
    home: TempDir,
}

impl Tidegate {
    /// A run without arguments, in an empty home folder and a cleared environment.
    pub fn new() -> Self {
        let home = TempDir::new().expect("a temporary folder");
        let mut command = isolated_command(env!("CARGO_BIN_EXE_tidegate"), home.path());
        command.current_dir(home.path());
        Self { command, stdin: Vec::new(), home }
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets several environment variables.
    pub fn envs<N: AsRef<OsStr>, V: AsRef<OsStr>>(
        mut self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.command.envs(variables);
        self
    }

    /// Sets the folder it runs in.
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Sets what it reads on standard input (default: nothing).
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Starts it, for a test that kills it. The home folder lives as long as the second value.
    pub fn start(mut self) -> (Child, TempDir) {
        self.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        (self.command.spawn().expect("start tidegate"), self.home)
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Run {
        // Standard input comes from a file: nothing can block on a pipe that nobody reads.
        let mut input = tempfile::tempfile().expect("a temporary file");
        input.write_all(&self.stdin).expect("write the input");
        rewind(&mut input);
        self.command.stdin(Stdio::from(input));
        let line = format!("{:?}", self.command.get_args().collect::<Vec<_>>());
        let output = self.command.output().expect("start tidegate");
        Run {
            line,
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

fn rewind(file: &mut File) {
    use std::io::Seek as _;
    file.rewind().expect("rewind the input");
}

/// What a finished run left behind.
#[derive(Debug)]
pub struct Run {
    line: String,
    /// The exit code; `None` when a signal ended it.
    pub status: Option<i32>,
    /// Standard output, invalid UTF-8 replaced.
    pub stdout: String,
    /// Standard error, invalid UTF-8 replaced.
    pub stderr: String,
}

impl Run {
    /// Asserts that the exit code is 0.
    #[track_caller]
    pub fn success(self) -> Self {
        self.code(0)
    }

    /// Asserts the exit code.
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert!(
            self.status == Some(expected),
            "tidegate {} ended with {:?}, not {expected}\n--- stdout\n{}\n--- stderr\n{}",
            self.line,
            self.status,
            self.stdout,
            self.stderr,
        );
        self
    }

    /// Standard output without surrounding white space.
    pub fn line(&self) -> &str {
        self.stdout.trim()
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is not JSON ({error}):\n{}", self.stdout))
    }
}
