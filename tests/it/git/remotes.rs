//! Every kind of remote.

use crate::harness::project::{CONFIG, GREEN, NO_IMAGES, Project, RED, gate_in};
use crate::harness::repo::Repo;
use crate::harness::ssh_server::SshServer;

#[test]
fn a_remote_over_ssh() {
    let server = SshServer::start();
    let project = Project::on_disk();
    project.push_bad();
    project.dev.git(&["remote", "set-url", "origin", &server.url(project.bare())]);
    let gate = || {
        let gate = project.gate(RED).env("TIDEGATE_SSH_KEY", server.private_key());
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".ssh");
        std::fs::create_dir(&folder).unwrap();
        std::fs::copy(server.known_hosts(), folder.join("known_hosts")).unwrap();
        (gate.env("HOME", home.path()), home)
    };
    let (gate, _home) = gate();
    gate.run().code(3);
    project.assert_rolled_back_to(&project.good);
}

#[test]
fn an_unknown_ssh_host_or_key_is_denied() {
    let server = SshServer::start();
    let project = Project::on_disk();
    project.push_bad();
    project.dev.git(&["remote", "set-url", "origin", &server.url(project.bare())]);
    let before = project.refs();
    // No known_hosts: nobody has vouched for the server.
    let run = project.gate(RED).env("TIDEGATE_SSH_KEY", server.private_key()).run().code(9);
    assert!(run.stderr.contains("host"), "{}", run.stderr);
    assert_eq!(project.refs(), before);
}

#[test]
fn a_path_a_relative_path_and_a_file_url_are_the_same_remote() {
    for form in 0..3 {
        let project = Project::on_disk();
        project.push_bad();
        let path = project.bare().display().to_string();
        let url = match form {
            0 => path,
            1 => {
                let link = project.dev.path().join("../remote.git");
                std::os::unix::fs::symlink(project.bare(), link).unwrap();
                "../remote.git".to_owned()
            }
            _ => format!("file://localhost{path}"),
        };
        project.dev.git(&["remote", "set-url", "origin", &url]);
        let run = project.gate(RED).run();
        assert_eq!(run.status, Some(3), "{url}: {run:?}");
        project.assert_rolled_back_to(&project.good);
    }
}

#[test]
fn a_file_url_with_spaces() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("with space é.git");
    let project = Project::on_disk();
    project.push_bad();
    project.dev.git(&[
        "clone",
        "-q",
        "--bare",
        &project.bare().display().to_string(),
        &path.display().to_string(),
    ]);
    let url = format!("file://{}", path.display()).replace(' ', "%20").replace('é', "%C3%A9");
    project.dev.git(&["remote", "set-url", "origin", &url]);
    project.gate(RED).run().code(3);
    let head = project.dev.git(&[
        &format!("--git-dir={}", path.display()),
        "log",
        "-1",
        "--format=%s",
        "main",
    ]);
    assert!(head.contains("Auto-rollback"), "{head}");
}

#[test]
fn another_name_of_the_remote() {
    let mut project = Project::on_disk();
    project.good = project.push("Good", &[(CONFIG, &format!("{NO_IMAGES}remote: upstream\n"))]);
    project.dev.add_remote("upstream", project.url());
    project.gate(GREEN).run().success();
    project.pull();
    project.push_bad();
    project.rolls_back();
}

#[test]
fn a_tag_and_a_branch_of_the_same_name() {
    let project = Project::on_http();
    let tagged = project.good.clone();
    for name in ["stable", "main", "tidegate"] {
        project.remote_git(&["tag", name, &tagged]);
        project.dev.git(&["tag", name, &tagged]);
    }
    let fine = project.dev.commit("Fine", &[("app.py", "fine\n")]);
    project.dev.push("refs/heads/main:refs/heads/main");
    project.gate(GREEN).args(["--commit", &fine]).run().success();
    let refs = project.refs();
    assert_eq!(refs["refs/heads/stable"], fine);
    for name in ["stable", "main", "tidegate"] {
        assert_eq!(refs[&format!("refs/tags/{name}")], tagged, "the tag {name} stays");
    }
    project.dev.git(&["fetch", "-q", "origin", "refs/heads/main"]);
    project.dev.git(&["reset", "-q", "--hard", "FETCH_HEAD"]);
    project.dev.commit("Bad", &[("app.py", "bad\n")]);
    project.dev.push("refs/heads/main:refs/heads/main");
    let run = project.gate(RED).run().code(3);
    assert_eq!(run.json()["rolled_back"]["to"], fine.as_str());
    assert_eq!(project.refs()["refs/tags/main"], tagged);
}

#[test]
fn an_annotated_tag_at_the_remote_does_not_matter() {
    let project = Project::on_http();
    project.dev.git(&["tag", "-a", "-m", "Version 1", "v1", &project.good]);
    project.dev.git(&["tag", "blob", &project.dev.rev_parse("HEAD:app.py")]);
    project.dev.push("refs/tags/*:refs/tags/*");
    project.push_bad();
    project.rolls_back();
}

#[test]
fn a_branch_with_a_slash() {
    let project = Project::on_disk();
    let config = format!(
        "{NO_IMAGES}branch: release/v1\nstable_branch: live/stable\nstate_branch: gate/state\n"
    );
    let good = project.dev.commit("Good", &[(CONFIG, &config)]);
    project.dev.push("main:refs/heads/release/v1");
    project.gate(GREEN).run().success();
    assert_eq!(project.branch("live/stable"), good);
    project.dev.git(&["fetch", "-q", "origin", "release/v1"]);
    project.dev.git(&["reset", "-q", "--hard", "FETCH_HEAD"]);
    project.dev.commit("Bad", &[("app.py", "bad\n")]);
    project.dev.push("main:refs/heads/release/v1");
    let run = project.gate(RED).run().code(3);
    assert_eq!(run.json()["rolled_back"]["to"], good.as_str());
}

#[test]
fn two_gates_in_one_clone() {
    let project = Project::on_http();
    project.push_bad();
    let clone = Repo::clone_of(project.url());
    let runs: Vec<_> = std::thread::scope(|scope| {
        let path = clone.path().to_owned();
        let start = || {
            let path = path.clone();
            scope.spawn(move || gate_in(&path, RED).run())
        };
        let gates = [start(), start()];
        gates.map(|gate| gate.join().unwrap()).into_iter().collect()
    });
    assert!(runs.iter().all(|run| matches!(run.status, Some(0 | 3))), "{runs:#?}");
    project.assert_rolled_back_to(&project.good);
}
