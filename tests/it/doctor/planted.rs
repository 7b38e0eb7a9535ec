//! Ten misconfigurations that teams really have, each in a copy of a realistic repository: doctor
//! names each, its cure is applied as it says, and all is well again.

use serde_json::Value;

use super::{CONFIG, GATE, GATE_TEXT, RETRY, RETRY_TEXT, doctor, finding, ids};
use crate::harness::github::GitHub;
use crate::harness::oci_registry::{Auth, OciRegistry, PASSWORD, USER};
use crate::harness::project::Project;
use crate::harness::tidegate::{Run, Tidegate};

const RESULTS: &str = r#"{"tests":{"result":"success","outputs":{}},"code-quality":{"result":"success","outputs":{}},"build-docker":{"result":"success","outputs":{}}}"#;

/// A dashboard of a small team.
const FILES: [(&str, &str); 7] = [
    ("app.py", "import streamlit as st\n\nst.title(\"Prices\")\n"),
    ("requirements.txt", "streamlit==1.50.0\nduckdb==1.4.1\n"),
    (
        "Dockerfile",
        "FROM python:3.12-slim\nWORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt\nCMD [\"streamlit\", \"run\", \"app.py\"]\n",
    ),
    ("tests/test_app.py", "def test_title():\n    assert \"Prices\" in open(\"app.py\").read()\n"),
    ("Makefile", "test:\n\tpytest\nlint:\n\truff check .\n"),
    (".gitignore", "__pycache__/\n"),
    ("README.md", "# Prices\n"),
];

/// The repository, released once, with its registry and GitHub.
struct World {
    project: Project,
    registry: OciRegistry,
    github: GitHub,
    /// Whether the registry's login is given.
    login: bool,
}

impl World {
    fn new() -> Self {
        let registry = OciRegistry::start_with(Auth::Basic);
        let project = Project::on_disk_with(&FILES);
        let github = GitHub::start();
        github.knows(project.bare());
        github.permit("administration", "read");
        let config = format!(
            "version: 1\nimages:\n  - {}/acme/prices\nrequire:\n  jobs: [tests, code-quality]\nrollback:\n  retries: 1\n",
            registry.host()
        );
        let commit = project.push(
            "Let a gate release",
            &[(CONFIG, &config), (GATE, GATE_TEXT), (RETRY, RETRY_TEXT)],
        );
        let pushed = registry.push("acme/prices", &["main-candidate", &commit], &commit);
        let world = Self { project, registry, github, login: true };
        let gate = world.project.gate(RESULTS).args(["--digest", pushed.digest.as_str()]);
        world.with_login(gate).run().code(0);
        world.project.pull();
        world
    }

    fn with_login(&self, tidegate: Tidegate) -> Tidegate {
        if !self.login {
            return tidegate;
        }
        tidegate.env("TIDEGATE_REGISTRY_USER", USER).env("TIDEGATE_REGISTRY_PASSWORD", PASSWORD)
    }

    /// `doctor` as its workflow runs it.
    fn doctor(&self) -> Run {
        let envs = self.github.envs(&self.project.dev.head());
        self.with_login(doctor(&self.project).envs(envs)).run()
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.project.dev.path().join(path)).unwrap()
    }

    /// Replaces a text that is there.
    fn edit(&self, path: &str, old: &str, new: &str) {
        let text = self.read(path);
        let at = text.rfind(old).unwrap_or_else(|| panic!("no {old:?} in {path}"));
        self.project.dev.write(path, format!("{}{new}{}", &text[..at], &text[at + old.len()..]));
    }

    /// `doctor --fix`, on a laptop.
    fn fix(&self, found: &Value) {
        assert_eq!(found["fixable"], true, "{found:#}");
        doctor(&self.project).args(["--offline", "--fix", "--yes"]).run().code(0);
    }

    /// Runs the command that a cure ends with, in a shell of the clone.
    fn follow(&self, found: &Value, begin: &str) {
        let mend = found["mend"].as_str().unwrap();
        let command = &mend[mend.find(begin).unwrap_or_else(|| panic!("{mend}"))..];
        let words: Vec<&str> = command.split(',').next().unwrap().split_whitespace().collect();
        if words[0] == "git" {
            self.project.dev.git(&words[1..]);
        } else {
            let tidegate = Tidegate::new().args(&words[1..]).current_dir(self.project.dev.path());
            self.with_login(tidegate).run().code(0);
        }
    }

    /// Writes a commit on the state branch.
    fn on_state_branch(&self, change: impl Fn(&Project)) {
        let dev = &self.project.dev;
        dev.git(&["fetch", "-q", "origin", "+refs/heads/tidegate:refs/heads/state"]);
        dev.checkout("state");
        change(&self.project);
        dev.git(&["push", "-q", "origin", "state:refs/heads/tidegate"]);
        dev.checkout("main");
    }
}

/// What goes wrong: how it is planted, what doctor calls it, a word of its cure, and the cure.
struct Plant {
    id: &'static str,
    spoil: fn(&mut World),
    says: &'static str,
    cure: fn(&mut World, &Value),
}

const PLANTS: [Plant; 10] = [
    Plant {
        id: "gate-if-missing",
        spoil: |world| world.edit(GATE, "    if: ${{ !cancelled() }}\n    runs-on", "    runs-on"),
        says: "!cancelled()",
        cure: |world, found| world.fix(found),
    },
    Plant {
        id: "needs-input",
        spoil: |world| world.edit(GATE, "          needs: ${{ toJSON(needs) }}\n", ""),
        says: "toJSON(needs)",
        cure: |world, found| world.fix(found),
    },
    Plant {
        id: "required-job-not-needed",
        spoil: |world| world.edit(CONFIG, "[tests, code-quality]", "[test, code-quality]"),
        says: "take it out of `require.jobs`",
        cure: |world, _| world.edit(CONFIG, "[test, code-quality]", "[code-quality]"),
    },
    Plant {
        id: "retry-workflow-missing",
        spoil: |world| world.project.dev.remove(RETRY),
        says: "tidegate init",
        cure: |world, found| {
            let file = found["place"]["file"].as_str().unwrap();
            world.project.dev.write(file, RETRY_TEXT);
        },
    },
    Plant {
        id: "stable-tag",
        spoil: |world| {
            world.project.remote_git(&["tag", "stable", "main"]);
        },
        says: "git push origin --delete refs/tags/stable",
        cure: |world, found| world.follow(found, "git push"),
    },
    Plant {
        id: "state-unreadable",
        spoil: |world| {
            world.on_state_branch(|project| {
                project.dev.commit("Tidy up", &[("index.json", "{}")]);
            });
        },
        says: "revert that commit",
        cure: |world, _| {
            world.on_state_branch(|project| {
                project.dev.git(&["revert", "--no-edit", "HEAD"]);
            });
        },
    },
    Plant {
        id: "projection-pending",
        spoil: |world| {
            world.project.remote_git(&["update-ref", "refs/heads/stable", "main~2"]);
        },
        says: "tidegate repair",
        cure: |world, found| world.follow(found, "tidegate repair"),
    },
    Plant {
        id: "registry-denied",
        spoil: |world| world.login = false,
        says: "registry-password",
        cure: |world, _| world.login = true,
    },
    Plant {
        id: "stable-protected",
        spoil: |world| {
            let rules = ["pull_request", "non_fast_forward"];
            world.github.ruleset("Reviews", &["stable"], &rules, Some("never"));
        },
        says: "leave stable out of the rules",
        cure: |world, _| {
            world.github.world().settings.rulesets[0].branches.remove("stable");
        },
    },
    Plant {
        id: "squash-template",
        spoil: |world| {
            world.github.world().settings.squash_message = Some("COMMIT_MESSAGES".to_owned());
        },
        says: "Pull request title",
        cure: |world, _| {
            world.github.world().settings.squash_message = Some("BLANK".to_owned());
        },
    },
];

#[test]
fn ten_misconfigurations_are_named_and_their_cures_work() {
    for plant in PLANTS {
        let mut world = World::new();
        let run = world.doctor().code(0);
        assert_eq!(ids(&run), Vec::<String>::new(), "before {}: {}", plant.id, run.stdout);

        (plant.spoil)(&mut world);
        let run = world.doctor();
        let found = finding(&run, plant.id);
        let others: Vec<_> = ids(&run).into_iter().filter(|id| id != plant.id).collect();
        assert!(others.is_empty(), "{} brings {others:?}", plant.id);
        assert_ne!(found["severity"], "note", "{found:#}");
        assert!(found["mend"].as_str().unwrap().contains(plant.says), "{found:#}");

        (plant.cure)(&mut world, &found);
        let run = world.doctor().code(0);
        assert_eq!(ids(&run), Vec::<String>::new(), "after {}: {}", plant.id, run.stdout);
        assert!(world.registry.read("acme/prices", "stable").is_some(), "{}", plant.id);
    }
}
