//! The registries answer, take the credentials, and still have what a rollback would go back to.

use super::{Answer, Checkup, Finding, RegistryAnswer, Severity};
use crate::model::ImageRef;

pub(super) fn check(checkup: &Checkup, answer: &mut Answer) {
    let images = &checkup.images;
    if images.current.is_empty() && images.released.is_empty() {
        return answer.not_needed();
    }
    for (image, said) in images.current.iter().chain(&images.push) {
        judge(checkup, image, None, said, answer);
    }
    for released in &images.released {
        let digest = released.digest.short();
        let named = format!("release {} ({digest})", released.release);
        judge(checkup, &released.image, Some(&named), &released.answer, answer);
    }
}

/// Judges the answer about an image, or about a release of it.
fn judge(
    checkup: &Checkup,
    image: &ImageRef,
    release: Option<&str>,
    said: &RegistryAnswer,
    answer: &mut Answer,
) {
    let what = release.map_or_else(|| image.to_string(), |release| format!("{image}, {release}"));
    let finding = match said {
        RegistryAnswer::Well => return,
        RegistryAnswer::NotAsked(why) => return answer.cannot(what, why),
        RegistryAnswer::Missing(parts) => Finding::new(
            Severity::Error,
            "release-image-incomplete",
            format!("{what} cannot be pulled completely; missing: {}", parts.join(", ")),
            "stable cannot go back to this release: the rollback ends and changes nothing",
            "keep the `good-...` tags and untagged child manifests out of the registry's cleanup; promote a release whose image is whole",
        ),
        RegistryAnswer::Denied(why) => Finding::new(
            // By hand the login is another one than the gate's.
            if checkup.in_actions { Severity::Error } else { Severity::Warning },
            "registry-denied",
            format!("{what}: {why}"),
            "with this login no image can be checked or promoted",
            "log in: inputs registry-user and registry-password of the action, `docker login` by hand; GHCR needs `packages: write`",
        ),
        RegistryAnswer::ReadOnly(why) => Finding::new(
            if checkup.in_actions { Severity::Error } else { Severity::Warning },
            "registry-read-only",
            format!("{what}: {why}"),
            "with this login no tag can be moved: promotions end before anything is seen",
            match image {
                ImageRef::Registry { host, .. } if host == "ghcr.io" => {
                    "give the job `packages: write`, and the repository the role Write: the package's settings, Manage Actions access"
                }
                ImageRef::Registry { .. } | ImageRef::Layout(_) => {
                    "give the login write access to this repository of the registry"
                }
            },
        ),
        RegistryAnswer::Unreachable(why) => Finding::new(
            Severity::Warning,
            "registry-unreachable",
            format!("{what}: {why}"),
            "while it does not answer, nothing can be promoted, and stable cannot go back",
            "try again; if it stays, see the address in `images` and the network",
        ),
        RegistryAnswer::Broken(why) => Finding::new(
            Severity::Error,
            "registry-answer",
            format!("{what}: {why}"),
            "no image can be checked or promoted",
            "see the address in `images`, and `registries` in the configuration",
        ),
    };
    answer.find(finding);
}
