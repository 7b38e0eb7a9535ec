//! The core does no I/O, and other rules that are read off the sources.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};

mod source;

use source::Source;

/// The rooms that may only compute.
const PURE: [&str; 14] = [
    "policy", "plan", "notice", "evidence", "model", "ledger", "state", "doctor", "init", "probe",
    "stack", "compose", "data", "schedule",
];

/// Those of them that hold secrets for containers; a plan, a record or a notice never does.
const WITH_SECRETS: [&str; 2] = ["stack", "compose"];

/// What they may use of an impure room, because it only computes, too. Held to the same rule.
const PURE_ISLANDS: [(&str, &str); 3] = [
    ("src/actions/skip_markers.rs", "crate::actions::skip_markers"),
    ("src/actions/markdown.rs", "crate::actions::markdown"),
    ("src/secret.rs", SECRET),
];

const SECRET: &str = "crate::secret";

/// What would let them read the world, or change it.
const IMPURE: [&str; 38] = [
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::thread",
    "std::os",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::*",
    "std::io::*",
    "SystemTime",
    "Instant",
    "Timestamp::now",
    "Zoned::now",
    "TimeZone::system",
    "git2",
    "reqwest",
    "tokio",
    "tempfile",
    "getrandom",
    "docker_credential",
    "indicatif",
    "console",
    "anstream",
    "tracing_subscriber",
    "crate::adapters",
    "crate::observe",
    "crate::apply",
    "crate::http",
    "crate::commands",
    "crate::actions",
    "crate::output",
    "crate::secret",
    // Methods of `std::path::Path` that ask the file system.
    ".exists()",
    ".canonicalize()",
    ".read_dir()",
    ".symlink_metadata()",
];

fn crate_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the sources below `src` that are built without tests, with their paths from the root.
fn sources() -> Vec<(PathBuf, Source)> {
    let mut folders = vec![crate_root().join("src")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
            if path.is_dir() && !is_test {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
                let text = std::fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(crate_root()).unwrap().to_owned();
                found.push((path, Source::read(&text)));
            }
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    assert!(found.len() > 20, "only {} sources found", found.len());
    found
}

fn room(path: &Path) -> Option<&str> {
    path.iter().nth(1)?.to_str().map(|name| name.trim_end_matches(".rs"))
}

#[test]
fn the_core_does_no_io() {
    let mut rooms = std::collections::BTreeSet::new();
    let mut found = Vec::new();
    for (path, source) in sources() {
        let room = room(&path).unwrap_or_default().to_owned();
        if PURE.contains(&room.as_str()) {
            rooms.insert(room.clone());
        } else if !PURE_ISLANDS.iter().any(|(island, _)| path == Path::new(island)) {
            continue;
        }
        let may_hold_secrets = WITH_SECRETS.contains(&room.as_str());
        let mut islands = PURE_ISLANDS.map(|(_, island)| island).to_vec();
        islands.retain(|island| *island != SECRET || may_hold_secrets);
        for path_in_use in source.uses(&IMPURE, &islands) {
            found.push(format!("{} uses {path_in_use}", path.display()));
        }
    }
    assert_eq!(rooms.len(), PURE.len(), "a room is missing: {rooms:?}");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_scanner_sees_what_it_must() {
    let planted = [
        ("use std::fs::File;", "std::fs"),
        ("use std::{collections::HashMap, fs};", "std::fs"),
        ("use std::{\n    io::{self, Read, stdin},\n};", "std::io::stdin"),
        ("use std::{env as e};", "std::env"),
        ("fn f() { let _ = std :: env :: var(\"X\"); }", "std::env"),
        ("fn f() { jiff::Timestamp::now(); }", "Timestamp::now"),
        ("use std::time::SystemTime;", "SystemTime"),
        ("use git2::Repository;", "git2"),
        ("pub use git2;", "git2"),
        ("use crate::{model::Tag, adapters::git};", "crate::adapters"),
        ("use super::super::adapters::git;", "crate::adapters"),
        ("fn f(p: &std::path::Path) -> bool { p.exists() }", ".exists()"),
        ("use std::*;", "std::*"),
        ("#[cfg(test)]\nmod tests { use std::fs; }\nuse std::process::Command;", "std::process"),
    ];
    for (text, expected) in planted {
        assert_eq!(Source::read(text).uses(&IMPURE, &[]), [expected], "{text}");
    }
    let harmless = "\
        //! Reads nothing: std::fs is for others.\n\
        use std::fmt; /* std::env */\n\
        use std::io::{self, Read};\n\
        const TEXT: &str = \"std::net { \\\" std::fs\"; const RAW: &str = r#\"git2 \" }\"#;\n\
        fn f<'a>(x: &'a str) -> char { '\"' }\n\
        mod git2_like {} mod instants {}\n\
        #[cfg(test)]\nmod tests { use std::fs; const X: char = '}'; }\n\
        #[cfg(test)]\nuse std::env;\n";
    assert_eq!(Source::read(harmless).uses(&IMPURE, &[]), Vec::<&str>::new());

    let island = ["crate::actions::skip_markers"];
    let allowed = Source::read("use crate::actions::skip_markers::neutralise;");
    assert_eq!(allowed.uses(&IMPURE, &island), Vec::<&str>::new());
    assert_eq!(allowed.uses(&IMPURE, &[]), ["crate::actions"]);
    let more = Source::read("use crate::actions::{skip_markers::neutralise, run};");
    assert_eq!(more.uses(&IMPURE, &island), ["crate::actions"]);
}

#[test]
fn main_is_trivial() {
    let text = std::fs::read_to_string(crate_root().join("src/main.rs")).unwrap();
    assert!(text.lines().count() <= 30, "src/main.rs has {} lines", text.lines().count());
}

#[test]
fn no_file_holds_two_rooms() {
    let long: Vec<String> = sources()
        .into_iter()
        .filter(|(_, source)| source.lines() > 400)
        .map(|(path, source)| format!("{} has {} lines", path.display(), source.lines()))
        .collect();
    assert!(long.is_empty(), "over 400 lines of production code:\n{}", long.join("\n"));
}

#[test]
fn no_module_is_named_against_the_layout() {
    for (path, _) in sources() {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let bad = ["mod", "utils", "util", "helpers", "common", "misc", "prelude"];
        assert!(!bad.contains(&stem), "{}", path.display());
    }
}

/// A `+` before a refspec forces the update. Only refs that are tidegate's own view of a remote
/// may be fetched so; nothing is ever pushed so.
fn forces(text: &str) -> bool {
    let own_view = ["refs/remotes/", "refs/tidegate/"];
    let refspec = text.strip_prefix('+').filter(|rest| rest.starts_with("refs/"));
    let forced = refspec.is_some_and(|spec| {
        let target = spec.split_once(':').map_or("", |(_, target)| target);
        !own_view.iter().any(|view| target.starts_with(view))
    });
    // An option of commands that touch no ref.
    let text = text.replace("tidegate init --force", "").replace("tidegate sync --force", "");
    forced
        || text.starts_with("+{")
        || text.contains("--force")
        || text.contains("force-with-lease")
}

#[test]
fn nothing_can_force_a_push() {
    let planted = ["+refs/heads/main:refs/heads/main", "+{from}:{to}", "--force", "+refs/heads/x"];
    assert!(planted.into_iter().all(forces));
    assert!(!forces("+refs/heads/*:refs/remotes/origin/*") && !forces("refs/heads/a:refs/heads/a"));
    for (path, source) in sources() {
        for text in source.strings() {
            assert!(!forces(text), "{}: {text:?} forces the update of a ref", path.display());
        }
        for word in ["force_push", "push_force", "forced_push"] {
            assert!(!source.has_word(word), "{}: {word}", path.display());
        }
    }
}
