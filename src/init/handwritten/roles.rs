//! Tells what a command of a script is to a release.

use super::habits::Habit;
use super::shell::Command;
use super::variables::Variables;
use crate::config::Config;

/// What a command is to a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// It releases or takes back; whether what users get is concerned by name.
    Release(Habit, bool),
    /// It holds such commands together.
    Glue,
    /// It does something else.
    Other,
}

/// What holds commands together, and changes nothing outside of the job.
const GLUE: [&str; 67] = [
    "echo", "printf", "test", "[", "[[", ":", "true", "false", "exit", "set", "export", "read",
    "local", "return", "break", "continue", "shift", "unset", "sleep", "cd", "pwd", "pushd",
    "popd", "mkdir", "touch", "rm", "cp", "mv", "cat", "head", "tail", "tee", "cut", "tr", "sort",
    "uniq", "wc", "grep", "egrep", "fgrep", "sed", "awk", "gawk", "date", "jq", "xargs", "fi",
    "done", "esac", "for", "case", "select", "}", "ls", "basename", "dirname", "seq", "wait",
    "which", "type", "hash", "trap", "declare", "readonly", "let", "tac", "rev",
];

/// Words in the field's ledgers.
const ENTRY: [&str; 2] = ["Tests Passed", "CI/CD Test Execution Log"];

pub(super) fn role(command: &Command, variables: &Variables, config: &Config) -> Role {
    let ledger = |file: &str| {
        let file = variables.expand(file);
        let own = file.trim_start_matches("./");
        own == config.ledger.path || own.ends_with("ML_EXPERIMENT_RESULTS.md")
    };
    let says = |text: &str| ENTRY.iter().any(|entry| text.contains(entry));
    let entry = says(&command.document) || command.words.iter().any(|word| says(word));
    let appends = |file: &str| ledger(file) || (entry && file.to_lowercase().ends_with(".md"));
    if command.redirects.iter().any(|(_, file)| appends(file)) {
        return Role::Release(Habit::Ledger, true);
    }
    let Some((program, arguments)) = command.program() else { return Role::Glue };
    let expanded: Vec<String> = arguments.iter().map(|word| variables.expand(word)).collect();
    let words: Vec<&str> = expanded.iter().map(String::as_str).collect();
    match program {
        "git" => git(&words, config),
        "docker" | "podman" | "buildah" | "nerdctl" => docker(&words, config),
        "crane" | "gcrane" | "regctl" | "skopeo" | "oras" => copier(&words, config),
        "tee" | "sed" if words.iter().any(|word| appends(word)) && writes(program, &words) => {
            Role::Release(Habit::Ledger, true)
        }
        "grep" | "egrep" | "fgrep" | "awk" | "gawk" | "sed"
            if words.iter().any(|word| word.contains("Tests Passed") || is_commit_field(word)) =>
        {
            Role::Release(Habit::LastSuccess, words.iter().any(|word| word.contains("Passed")))
        }
        "gh" => match words.as_slice() {
            ["issue", ..] => Role::Release(Habit::Issue, false),
            ["auth", ..] => Role::Glue,
            _ => Role::Other,
        },
        program if GLUE.contains(&program) => Role::Glue,
        _ => Role::Other,
    }
}

fn is_commit_field(word: &str) -> bool {
    word.trim_matches(['*', '^', '\\', ' ']).starts_with("Commit")
}

fn writes(program: &str, words: &[&str]) -> bool {
    program == "tee" || words.iter().any(|word| word.starts_with("-i"))
}

/// Options of `git` before the subcommand that take a value.
const GIT_VALUES: [&str; 4] = ["-C", "-c", "--git-dir", "--work-tree"];

fn git(words: &[&str], config: &Config) -> Role {
    let mut words = words;
    let (sub, rest) = loop {
        match words {
            [option, _, rest @ ..] if GIT_VALUES.contains(option) => words = rest,
            [option, rest @ ..] if option.starts_with('-') => words = rest,
            [sub, rest @ ..] => break (*sub, rest),
            [] => return Role::Glue,
        }
    };
    let has = |options: &[&str]| rest.iter().any(|word| options.contains(word));
    let plain: Vec<&str> = rest.iter().filter(|word| !word.starts_with('-')).copied().collect();
    let stable = config.stable_branch.as_str();
    let release = |habit, named| Role::Release(habit, named);
    match sub {
        "revert" => release(Habit::Revert, false),
        "reset" if has(&["--hard"]) => release(Habit::ResetHard, false),
        "read-tree" => release(Habit::RestoreTree, false),
        "checkout" | "restore" if plain.len() > 1 && plain.last() == Some(&".") => {
            release(Habit::RestoreTree, false)
        }
        "restore" if rest.iter().any(|word| word.starts_with("--source")) => {
            release(Habit::RestoreTree, false)
        }
        "checkout" | "switch" if has(&["-B", "-C"]) || plain.contains(&stable) => {
            release(Habit::MoveBranch, plain.contains(&stable))
        }
        "branch" | "tag" if has(&["-f", "-M"]) || rest.iter().any(|word| is_forced(word)) => {
            release(Habit::MoveBranch, plain.contains(&stable))
        }
        "commit" => {
            let text = rest.join(" ").to_lowercase();
            let skips = ["skip ci", "ci skip", "no ci", "skip actions"];
            let skips = skips.iter().any(|marker| text.contains(marker));
            release(if skips { Habit::SkipCommit } else { Habit::Commit }, false)
        }
        "push" => push(rest, &plain, config),
        _ => Role::Glue,
    }
}

/// `git push [options] [remote [refspec...]]`.
fn push(rest: &[&str], plain: &[&str], config: &Config) -> Role {
    if rest.iter().any(|word| ["--tags", "--delete", "-d", "--mirror"].contains(word)) {
        return Role::Other;
    }
    let targets: Vec<&str> = plain.iter().skip(1).map(|refspec| target(refspec)).collect();
    let (branch, stable) = (config.branch.as_str(), config.stable_branch.as_str());
    if targets.contains(&stable) {
        return Role::Release(Habit::PushStable, true);
    }
    // What a variable or an expression names can be the branch.
    let fits = |target: &str| target == branch || target == "HEAD" || target.contains('$');
    if !targets.is_empty() && !targets.iter().copied().any(fits) {
        return Role::Other;
    }
    let forced = rest.iter().any(|word| {
        is_forced(word) || word.starts_with('+') || (is_short(word) && word.contains('f'))
    });
    Role::Release(if forced { Habit::ForcedPush } else { Habit::Push }, false)
}

/// The long option, with all its variants.
fn is_forced(word: &str) -> bool {
    word.strip_prefix("--").is_some_and(|option| option.starts_with("force"))
}

fn is_short(word: &str) -> bool {
    word.starts_with('-') && !word.starts_with("--")
}

fn target(refspec: &str) -> &str {
    let target = refspec.rsplit_once(':').map_or(refspec, |(_, target)| target);
    target.trim_start_matches('+').trim_start_matches("refs/heads/")
}

fn docker(words: &[&str], config: &Config) -> Role {
    let words = match words {
        ["image", rest @ ..] => rest,
        words => words,
    };
    let (Some(sub), rest) = (words.first(), words.get(1..).unwrap_or_default()) else {
        return Role::Other;
    };
    let stable = rest.iter().any(|word| is_stable(word, config));
    let last = rest.iter().rev().find(|word| !word.starts_with('-'));
    match *sub {
        "pull" => Role::Release(Habit::Pull, false),
        "tag" => Role::Release(Habit::Retag, last.is_some_and(|word| is_stable(word, config))),
        "push" => Role::Release(Habit::PushTag, stable),
        "manifest" if rest.first() == Some(&"push") => Role::Release(Habit::PushTag, stable),
        "buildx" if rest.starts_with(&["imagetools", "create"]) => {
            Role::Release(Habit::CopyTag, stable)
        }
        "buildx" if rest.first() == Some(&"imagetools") => Role::Glue,
        "login" | "logout" | "inspect" | "images" | "ls" | "info" | "version" | "manifest"
        | "rmi" | "rm" => Role::Glue,
        _ => Role::Other,
    }
}

/// `crane copy`, `skopeo copy`, `regctl image copy`, `oras tag`: within registries.
fn copier(words: &[&str], config: &Config) -> Role {
    let copies = ["copy", "cp", "tag"];
    if words.iter().take(2).any(|word| copies.contains(word)) {
        let stable = words.iter().any(|word| is_stable(word, config));
        return Role::Release(Habit::CopyTag, stable);
    }
    match words.first() {
        Some(&"auth" | &"login" | &"digest" | &"inspect" | &"ls" | &"manifest") => Role::Glue,
        _ => Role::Other,
    }
}

/// Tells whether a word names a tag that users pull.
pub(super) fn is_stable(word: &str, config: &Config) -> bool {
    let tag = word.rsplit([':', '=']).next().unwrap_or(word).trim();
    let known = ["stable", "latest", "production", "prod", "live"];
    known.contains(&tag)
        || tag == config.tags.stable
        || config.tags.also.iter().any(|own| own == tag)
}
