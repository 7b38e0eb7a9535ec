//! The environment of every program that a test starts: cleared, then the same on every machine.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A command whose environment holds PATH and fixed values, and nothing else of the machine's.
///
/// `home` stands in for the home folder; git sees no configuration but the repository's own.
pub fn isolated_command(program: impl AsRef<OsStr>, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.env("HOME", home);
    command.env("LANG", "C.UTF-8");
    command.env("TZ", "UTC");
    command.env("COLUMNS", "100");
    command.env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.env("GIT_TERMINAL_PROMPT", "0");
    command
}

/// Finds a program that the tests need, on PATH and then where `./dev` unpacks servers.
///
/// Panics when it is missing: a test that cannot run its real server must fail, never pass.
pub fn require_program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let unpacked = [cache_folder().join("bin"), PathBuf::from("/usr/sbin")];
    std::env::split_paths(&path)
        .chain(unpacked)
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| {
            panic!("the tests need `{name}`, which is not installed: run `./dev setup`")
        })
}

/// The folder that `./dev` installs tools and servers into.
pub fn cache_folder() -> PathBuf {
    let named = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty());
    if let Some(cache) = named("TIDEGATE_CACHE") {
        return PathBuf::from(cache);
    }
    let base = named("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(named("HOME").unwrap_or_else(|| "/".into())).join(".cache");
    base.unwrap_or_else(home).join("tidegate")
}
