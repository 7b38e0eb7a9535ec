//! Tells the program which commit it is built from, where that is a release's.

use std::fs;

/// The commit that the release build gives; `src/pin.rs` reads it.
const VARIABLE: &str = "TIDEGATE_COMMIT";

/// What `cargo package` notes in a crate package.
const NOTE: &str = ".cargo_vcs_info.json";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    if std::env::var_os(VARIABLE).is_some() {
        return;
    }
    // Not in a checkout; named only where it exists, for a missing file would run this every time.
    let Ok(note) = fs::read_to_string(NOTE) else { return };
    println!("cargo::rerun-if-changed={NOTE}");
    if let Some(commit) = commit(&note) {
        println!("cargo::rustc-env={VARIABLE}={commit}");
    }
}

/// Returns the commit that the note names; `None` where the package held changes without a commit.
fn commit(note: &str) -> Option<&str> {
    if note.contains("\"dirty\"") {
        return None;
    }
    let (_, after) = note.split_once("\"sha1\"")?;
    let commit = after.split('"').nth(1)?;
    let full = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    full.then_some(commit)
}
