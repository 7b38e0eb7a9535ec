//! The command line as a user meets it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::process::{Command, Output, Stdio};

use clap::CommandFactory as _;
use tidegate::cli::Cli;
use tidegate::exit::Exit;

/// Starts the program with an empty environment, in an empty folder.
struct Tidegate {
    command: Command,
    _folder: tempfile::TempDir,
}

impl Tidegate {
    fn new(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(arguments).env_clear().current_dir(folder.path()).stdin(Stdio::null());
        command.env("HOME", folder.path());
        Self { command, _folder: folder }
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    fn run(mut self) -> Run {
        Run(self.command.output().unwrap())
    }
}

struct Run(Output);

impl Run {
    fn code(&self) -> i32 {
        self.0.status.code().unwrap()
    }

    fn out(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    fn err(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }
}

/// A command that fails in every environment: there is no such folder.
const FAILS: [&str; 3] = ["status", "-C", "no-such-folder"];

#[test]
fn help_shows_the_commands() {
    let help = Tidegate::new(&["-h"]).run();
    assert_eq!((help.code(), help.err().as_str()), (0, ""));
    insta::assert_snapshot!(help.out(), @r"
    Decide whether a commit may be released, and carry the decision out

    Usage: tidegate [OPTIONS] <COMMAND>

    Commands:
      init         Write the configuration and the workflows for this repository, from what it holds
      gate         Observe, decide, and promote or roll back: the step of the workflow
      plan         Decide like gate, print the steps, and change nothing
      apply        Perform a plan, or refuse it when the world has moved
      promote      Promote a candidate by hand
      rollback     Go back to the last good commit, or to a given one
      bake         Watch what is served of the newest release, and take users back where it fails
      repair       Complete what the newest release record says: tags, branch stable, ledger
      hold         Hold promotions: nothing new gets to users, and rollbacks go on
      resume       End a hold, so that promotions go on
      quarantine   Forbid a commit or an image to come back, lift that, or list what is forbidden
      retry        Wait for the end of a run, and run its failed jobs again: the step of the retry workflow
      smoke        Run a probe against a URL or an image: does it work?
      sync         Send new and changed data to the store, and publish the database
      pull         Fetch the published database, or a layer's files, where they have changed
      data         Look after the database and what is published of it: versions, backups, health
      schedule     Run imports, checks, backups and other tasks at their times, until stopped
      last-good    Print the id of the last good commit, and nothing else
      ledger       Show the ledger, or add an entry by hand
      status       Show what is live, what the last good commit is, and whether everything agrees
      doctor       Try what a release and a rollback will need, and say how to mend what is wrong
      history      Show the releases and rollbacks, newest first
      demo         Play the whole story in a throw-away folder: one promotion, one rollback
      completions  Print the completions for a shell
      man          Write the manual pages into a folder

    Options:
      -h, --help     Print help (see more with '--help')
      -V, --version  Print version

    Global options:
      -C, --directory <DIR>  Work on the repository that holds this folder
          --config <FILE>    Read this file, not .github/tidegate.yml [env: TIDEGATE_CONFIG]
          --json             Print the result as JSON
      -v, --verbose...       Say more on stderr (-vv: requests, -vvv: everything)
      -q, --quiet            Print only results and errors
          --color <WHEN>     Colour the output: auto, always or never [default: auto]

    Try it without touching anything of yours: tidegate demo
    ");
}

#[test]
fn help_of_gate_names_the_environment() {
    insta::assert_snapshot!(Tidegate::new(&["gate", "--help"]).run().out(), @r#"
    Observe, decide, and promote or roll back: the step of the workflow

    Usage: tidegate gate [OPTIONS]

    Options:
          --needs <JSON|@FILE>     Take the results of the jobs from toJSON(needs) [env: TIDEGATE_NEEDS]
          --digest <sha256:HEX>    Promote this digest (sets of one image) [env: TIDEGATE_DIGEST]
          --digests <JSON>         Promote these digests: {"image":"sha256:..."} [env: TIDEGATE_DIGESTS]
          --data-version <DIGEST>  Release this data version [env: TIDEGATE_DATA_VERSION]
          --commit <REV>           Decide about this commit [env: GITHUB_SHA] [default: HEAD]
          --event <NAME>           Obey the rules of this event [env: GITHUB_EVENT_NAME] [default: push]
          --branch <NAME>          Take this as the protected branch [env: TIDEGATE_BRANCH]
          --ledger <PATH>          Take the file at this path as the ledger [env: TIDEGATE_LEDGER]
          --no-bake                Leave the bake to a job of its own [env: TIDEGATE_NO_BAKE]
      -h, --help                   Print help

    Global options:
      -C, --directory <DIR>  Work on the repository that holds this folder
          --config <FILE>    Read this file, not .github/tidegate.yml [env: TIDEGATE_CONFIG]
          --json             Print the result as JSON
      -v, --verbose...       Say more on stderr (-vv: requests, -vvv: everything)
      -q, --quiet            Print only results and errors
          --color <WHEN>     Colour the output: auto, always or never [default: auto]

    Examples:
      In the gate job of a workflow, with TIDEGATE_NEEDS and TIDEGATE_DIGEST in its env:
          tidegate gate
      By hand, with the results in a file:
          tidegate gate --needs @needs.json --digest sha256:<64 hex>
      A needs file that rolls back:
          {"tests": {"result": "failure", "outputs": {}}}

    Exit codes: 0 promoted or nothing to do, 3 rolled back, 4 held, 5 retry; the others are errors.
    "#);
}

#[test]
fn every_command_has_help_that_fits() {
    fn visit(names: &[String], command: &clap::Command, seen: &mut usize) {
        for child in command.get_subcommands() {
            let names = [names, &[child.get_name().to_owned()]].concat();
            let arguments: Vec<&str> = names.iter().map(String::as_str).chain(["--help"]).collect();
            let help = Tidegate::new(&arguments).run();
            assert_eq!(help.code(), 0, "{names:?}");
            let about = child.get_about().unwrap().to_string();
            assert!(help.out().starts_with(&about), "{names:?}: {}", help.out());
            assert!(!about.ends_with('.') && about.starts_with(char::is_uppercase), "{about}");
            for line in help.out().lines() {
                assert!(line.chars().count() <= 100, "{names:?}: {line}");
            }
            *seen += 1;
            visit(&names, child, seen);
        }
    }
    let mut seen = 0;
    visit(&[], &Cli::command(), &mut seen);
    assert_eq!(seen, 34);
}

#[test]
fn the_command_tree_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn no_option_takes_a_secret() {
    fn visit(command: &clap::Command) {
        for arg in command.get_arguments() {
            let name = arg.get_id().as_str();
            for word in ["token", "password", "secret", "credential", "key"] {
                assert!(!name.contains(word), "{} has --{name}", command.get_name());
            }
        }
        command.get_subcommands().for_each(visit);
    }
    visit(&Cli::command());
}

#[test]
fn version_is_that_of_the_crate() {
    for flag in ["--version", "-V"] {
        let version = Tidegate::new(&[flag]).run();
        assert_eq!(version.code(), 0);
        assert_eq!(version.out(), format!("tidegate {}\n", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn wrong_usage_ends_with_its_own_code() {
    let unknown = Tidegate::new(&["stauts"]).run();
    assert_eq!((unknown.code(), unknown.out().as_str()), (i32::from(Exit::Usage.code()), ""));
    assert!(unknown.err().contains("'status'"), "{}", unknown.err());
    for arguments in [
        &[][..],
        &["ledger"],
        &["gate", "--digest", "sha256:1"],
        &["gate", "--digest", ""],
        &["gate", "--digests", "[]"],
        &["gate", "--branch", "-x"],
        &["plan", "--assume", "tests=red"],
        &["rollback", "--push"],
        &["rollback", "--undo", "--stable-only"],
        &["ledger", "show", "--all", "-n", "3"],
        &["completions", "tcsh"],
    ] {
        let run = Tidegate::new(arguments).run();
        assert_eq!(run.code(), i32::from(Exit::Usage.code()), "{arguments:?}: {}", run.err());
        assert!(!run.err().is_empty() && run.out().is_empty(), "{arguments:?}");
    }
}

#[test]
fn an_empty_variable_counts_as_not_given() {
    let names = [
        "TIDEGATE_NEEDS",
        "TIDEGATE_DIGEST",
        "TIDEGATE_DIGESTS",
        "TIDEGATE_BRANCH",
        "TIDEGATE_LEDGER",
        "TIDEGATE_CONFIG",
        "GITHUB_SHA",
        "GITHUB_EVENT_NAME",
    ];
    let gate = Tidegate::new(&["gate", "-C", "no-such-folder"]);
    let empty = names.iter().fold(gate, |gate, name| gate.env(name, "")).run();
    assert!(!empty.err().contains("invalid value"), "{}", empty.err());
    assert!(!empty.err().contains("Usage:"), "{}", empty.err());

    let given = Tidegate::new(&["gate"]).env("TIDEGATE_DIGEST", "sha256:1").run();
    assert_eq!(given.code(), i32::from(Exit::Usage.code()));
    assert!(given.err().contains("--digest"), "{}", given.err());
}

#[test]
fn completions_are_scripts_for_their_shells() {
    for (shell, sign) in [
        ("bash", "complete -F _tidegate"),
        ("zsh", "#compdef tidegate"),
        ("fish", "complete -c tidegate"),
        ("powershell", "Register-ArgumentCompleter"),
        ("elvish", "edit:completion"),
    ] {
        let run = Tidegate::new(&["completions", shell]).run();
        assert_eq!((run.code(), run.err().as_str()), (0, ""), "{shell}");
        assert!(run.out().contains(sign) && run.out().contains("last-good"), "{shell}");
    }
}

#[test]
fn bash_takes_its_completions() {
    let script = Tidegate::new(&["completions", "bash"]).run().out();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tidegate.bash");
    std::fs::write(&path, script).unwrap();
    let program = format!(
        "source '{}'; COMP_WORDS=(tidegate last); COMP_CWORD=1; _tidegate tidegate last tidegate; \
         echo \"${{COMPREPLY[@]}}\"",
        path.display()
    );
    let bash = Command::new("bash").args(["--norc", "-c", &program]).output();
    let bash = bash.expect("this test needs bash");
    assert_eq!(String::from_utf8_lossy(&bash.stdout), "last-good\n");
}

#[test]
fn the_log_goes_to_stderr() {
    let quiet = Tidegate::new(&["completions", "bash"]).run();
    let loud = Tidegate::new(&["completions", "bash", "-vvv"]).env("RUST_LOG", "trace").run();
    assert_eq!(quiet.out(), loud.out());
}

#[test]
fn a_reader_that_stops_is_no_error() {
    let mut tidegate = Tidegate::new(&["completions", "bash"]);
    let mut child = tidegate.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn colour_follows_the_options_and_the_environment() {
    let colored = |options: &[&str], environment: &[(&str, &str)]| {
        let tidegate = Tidegate::new(&[options, &FAILS].concat());
        let run = environment.iter().fold(tidegate, |t, (name, value)| t.env(name, value)).run();
        assert!(run.err().contains("error:"), "{}", run.err());
        run.err().contains('\u{1b}')
    };
    // No terminal here, so that the default is no colour.
    assert!(!colored(&[], &[]));
    assert!(colored(&["--color", "always"], &[]));
    assert!(colored(&["--color", "always"], &[("NO_COLOR", "1")]));
    assert!(colored(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!colored(&[], &[("CLICOLOR_FORCE", "0")]));
    assert!(!colored(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(colored(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "")]));
    assert!(!colored(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
}

#[test]
fn an_error_is_json_where_that_is_asked_for() {
    let run = Tidegate::new(&[&["--json"][..], &FAILS].concat()).env("CLICOLOR_FORCE", "1").run();
    let error: serde_json::Value = serde_json::from_str(&run.out()).unwrap();
    assert_eq!(error["schema"], "tidegate/error/1");
    assert_eq!(error["code"], run.code());
    let exit = Exit::ALL.into_iter().find(|exit| i32::from(exit.code()) == run.code()).unwrap();
    assert_eq!(error["exit"], exit.name());
    assert!(run.err().contains(error["error"].as_str().unwrap()), "{}", run.err());
    assert!(Tidegate::new(&FAILS).run().out().is_empty());
}
