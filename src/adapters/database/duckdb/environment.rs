//! What the `duckdb` command gets of the environment: what programs need to start, and nothing else. SQL can
//! read variables (`getenv`), and whoever is root here can read those of a process.

use std::process::Command;

/// The variables that it gets, besides those that say the language (`LC_...`).
const KEPT: [&str; 22] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LANGUAGE",
    "TMPDIR",
    "TERM",
    // Where programs and their libraries are that lie in no usual place.
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
    // What Windows needs to start any program.
    "SYSTEMROOT",
    "SYSTEMDRIVE",
    "WINDIR",
    "COMSPEC",
    "PATHEXT",
    "TEMP",
    "TMP",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
    "PROGRAMDATA",
];

/// Takes everything else out of the command's environment, also what was set for it.
pub(super) fn limit(command: &mut Command) {
    command.env_clear();
    for (name, value) in std::env::vars_os() {
        let is_kept = name.to_str().is_some_and(|name| {
            // Windows writes them in any case of letters.
            let name = if cfg!(windows) { name.to_ascii_uppercase() } else { name.to_owned() };
            KEPT.contains(&name.as_str()) || name.starts_with("LC_")
        });
        if is_kept {
            command.env(name, value);
        }
    }
}
