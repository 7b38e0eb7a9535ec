//! Neither data nor secrets are in commits, and the signed URL of the apps is valid for a while.

use jiff::SignedDuration;

use super::{Answer, Checkup, Content, FileSeen, Finding, GitCare, Severity, UrlSeen};

/// How long before its end a signed URL is named.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

pub(super) fn files(checkup: &Checkup, answer: &mut Answer) {
    let Some(seen) = &checkup.data else { return answer.not_needed() };
    for file in &seen.files {
        answer.find(judge(file));
    }
}

fn judge(file: &FileSeen) -> Finding {
    let path = &file.path;
    match (&file.content, &file.git) {
        (Content::Secret, GitCare::Tracked(file)) => {
            secret(file, Severity::Error, "which holds a secret")
        }
        (Content::Settings(Some(name)), GitCare::Tracked(file)) => {
            secret(file, Severity::Error, &format!("which holds a secret, {name}"))
        }
        (Content::Settings(None), GitCare::Tracked(file)) => {
            secret(file, Severity::Warning, "which may hold a secret")
        }
        (Content::Secret | Content::Settings(_), GitCare::Loose) => Finding::new(
            Severity::Warning,
            "secret-not-ignored",
            format!("{path} holds a secret, and .gitignore does not name it"),
            "the next `git add` of everything commits it",
            format!("add `{path}` to .gitignore"),
        ),
        (Content::Data, GitCare::Tracked(file)) => Finding::new(
            Severity::Warning,
            "data-tracked",
            format!("git tracks {file}, which belongs to a layer of `data`"),
            "every version of it stays in the repository for good, and a rollback of main puts an old one beside the code",
            format!("`git rm -r --cached {path}`, and add it to .gitignore; the store keeps the versions"),
        )
        .at(file, None),
        (Content::Data, GitCare::Loose) => Finding::new(
            Severity::Note,
            "data-not-ignored",
            format!("{path} is data, and .gitignore does not name it"),
            "the next `git add` of everything commits it",
            format!("add `{path}` to .gitignore"),
        ),
    }
}

fn secret(file: &str, severity: Severity, holds: &str) -> Finding {
    Finding::new(
        severity,
        "secret-tracked",
        format!("git tracks {file}, {holds}"),
        "whoever can read the repository, also in its history, can use it",
        format!("`git rm --cached {file}`, add it to .gitignore; where it was pushed, renew the key or password: taking it out of the history does not call it back"),
    )
    .at(file, None)
}

pub(super) fn url(checkup: &Checkup, answer: &mut Answer) {
    let seen = checkup.data.as_ref().and_then(|data| data.url.as_ref());
    let Some(UrlSeen { place, until, life }) = seen else { return answer.not_needed() };
    let left = until.duration_since(checkup.now);
    // One that lives for a week is renewed by the run of each day.
    if left > SOON.min(*life / 3) {
        return;
    }
    let mend = "run `tidegate sync --layer <the database's>`, which writes a new one, and paste that into the app's secrets";
    let finding = if left <= SignedDuration::ZERO {
        Finding::new(
            if checkup.in_actions { Severity::Error } else { Severity::Warning },
            "signed-url-expired",
            format!("the signed URL in {place} was valid until {until}"),
            "apps that have it get no new data",
            mend,
        )
    } else {
        Finding::new(
            Severity::Warning,
            "signed-url-ends",
            format!("the signed URL in {place} is valid until {until}"),
            "apps that have it get no new data from then on",
            mend,
        )
    };
    answer.find(finding);
}
