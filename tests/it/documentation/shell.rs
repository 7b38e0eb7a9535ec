//! A person's shell.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use crate::harness::duckdb;
use crate::harness::environment::isolated_command;

/// A shell with the built `tidegate` first on PATH, and a home folder of its own.
pub struct Shell {
    home: TempDir,
    environment: Vec<(String, String)>,
}

impl Shell {
    pub fn new() -> Self {
        Self { home: TempDir::new().unwrap(), environment: Vec::new() }
    }

    /// The home folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Types lines in a folder; each has to succeed.
    #[track_caller]
    pub fn types(&self, folder: &Path, lines: &str) -> String {
        let (status, out, err) = self.tries(folder, lines);
        assert!(status == Some(0), "{status:?}: {lines}\n--- stdout\n{out}\n--- stderr\n{err}");
        out
    }

    /// Types lines in a folder, up to the first that fails.
    pub fn tries(&self, folder: &Path, lines: &str) -> (Option<i32>, String, String) {
        let output = isolated_command("sh", self.home.path())
            .env("PATH", self.path())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .args(["-e", "-c", lines])
            .current_dir(folder)
            .output()
            .expect("this test needs a shell");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    fn path(&self) -> OsString {
        let built = Path::new(env!("CARGO_BIN_EXE_tidegate")).parent().unwrap();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let own = [self.home.path().join("bin"), built.to_owned()];
        std::env::join_paths(own.into_iter().chain(std::env::split_paths(&path))).unwrap()
    }

    /// Answers yes, as a person does at a terminal, where a command asks.
    pub fn says_yes(self) -> Self {
        let asks = "'init '* | 'promote '* | 'rollback '* | 'data restore '* | 'data backup --restore '* | 'data backup --prune '*";
        let script = format!(
            "#!/bin/sh\ncase \"$* \" in\n*' --yes '* | *' -y '* | *' --plan '*) exec {0} \"$@\" ;;\n{asks}) exec {0} \"$@\" --yes ;;\n*) exec {0} \"$@\" ;;\nesac\n",
            env!("CARGO_BIN_EXE_tidegate")
        );
        self.with_script("tidegate", &script)
    }

    /// A program of this person, first on PATH.
    pub fn with_script(self, name: &str, script: &str) -> Self {
        let folder = self.home.path().join("bin");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), script).unwrap();
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.join(name), executable).unwrap();
        self
    }

    /// The `duckdb` command, as a person has installed it.
    pub fn with_duckdb(self) -> Self {
        let command = duckdb::command(duckdb::COMMANDS[duckdb::COMMANDS.len() - 1]);
        self.with_script("duckdb", &format!("#!/bin/sh\nexec '{}' \"$@\"\n", command.display()))
    }
}
