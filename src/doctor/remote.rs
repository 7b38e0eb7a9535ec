//! The remote: its branches, and whether it takes pushes.

use super::{Answer, Checkup, Finding, RefsSeen, Seen, Severity};

pub(super) fn check(checkup: &Checkup, answer: &mut Answer) {
    let remote = &checkup.remote;
    if remote.shallow {
        answer.find(Finding::new(
            Severity::Warning,
            "shallow-clone",
            "this clone is shallow: its history is cut off",
            "which commit is the last good one has no answer here, and no rollback by hand",
            "git fetch --unshallow",
        ));
    }
    if !remote.exists {
        answer.find(Finding::new(
            Severity::Error,
            "remote-missing",
            format!("this clone has no remote {}", checkup.config.remote),
            "there is nothing to release from, and nowhere to write",
            "`git remote add <name> <url>`, or name another one: `remote: ...`",
        ));
        return;
    }
    match &remote.refs {
        Seen::Known(refs) => branches(checkup, refs, answer),
        Seen::Unknown(why) if remote.asked => answer.find(Finding::new(
            Severity::Warning,
            "remote-unreachable",
            format!("the remote cannot be asked: {why}"),
            "while it does not answer, nothing can be released or rolled back",
            "try again; if it stays, see the address (git remote -v), the login and the network",
        )),
        Seen::Unknown(why) => answer.cannot("the branches of the remote", why),
    }
    match &remote.push {
        Seen::Known(Ok(())) => {}
        Seen::Known(Err(why)) => {
            let (severity, breaks) = if checkup.in_actions {
                (Severity::Error, "nothing can be recorded, promoted or rolled back")
            } else {
                // The gate has credentials of its own.
                (Severity::Warning, "no promotion and no rollback by hand from here")
            };
            answer.find(Finding::new(
                severity,
                "push-denied",
                format!("the remote takes no pushes with these credentials: {why}"),
                breaks,
                "give a token that may write contents in TIDEGATE_TOKEN (in Actions: `contents: write`), or set up git's own login",
            ));
        }
        Seen::Unknown(why) => answer.cannot("whether the remote takes pushes", why),
    }
}

fn branches(checkup: &Checkup, refs: &RefsSeen, answer: &mut Answer) {
    let config = &checkup.config;
    let file = checkup.file.path.as_str();
    if !refs.branch {
        let finding = Finding::new(
            Severity::Error,
            "branch-missing",
            format!("the remote has no branch {}, the protected one", config.branch),
            "the gate refuses every commit",
            "name the branch that is released: `branch: ...`",
        );
        answer.find(finding.at(file, None));
    }
    if !refs.ledger_branch && config.ledger.branch.is_some() {
        let finding = Finding::new(
            Severity::Error,
            "ledger-branch-missing",
            format!("the remote has no branch {}, the ledger's", config.ledger_branch()),
            "no entry can be added after a promotion",
            format!("git push {} <commit>:refs/heads/{}", config.remote, config.ledger_branch()),
        );
        answer.find(finding.at(file, None));
    }
    let stable = &config.stable_branch;
    if refs.stable_tag {
        answer.find(Finding::new(
            Severity::Warning,
            "stable-tag",
            format!("the remote has a tag {stable} besides the branch"),
            format!("`git checkout {stable}` and whoever deploys {stable} may get the tag, which never moves"),
            format!("git push {} --delete refs/tags/{stable}", config.remote),
        ));
    }
    if !refs.stable_branch {
        answer.find(Finding::new(
            Severity::Note,
            "stable-missing",
            format!("there is no branch {stable} yet"),
            "nothing: the first promotion makes it; until then nobody can deploy from it",
            "let the first green run promote",
        ));
    }
}
