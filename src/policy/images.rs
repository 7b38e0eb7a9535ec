//! Rule: every image of the release set is there, complete, and made from the tested commit.

use super::Reason;
use crate::evidence::{Evidence, ImageEvidence, ReleaseEvidence};
use crate::model::{CommitSha, Digest};

pub(super) fn holds(evidence: &Evidence) -> Vec<Reason> {
    let Some(release) = &evidence.release else {
        return vec![Reason::NotObserved { what: "the candidate".to_owned() }];
    };
    unfit_images(release, &evidence.tested)
}

/// Returns what is wrong with the images of a candidate.
pub(super) fn unfit_images(release: &ReleaseEvidence, tested: &CommitSha) -> Vec<Reason> {
    release
        .images
        .iter()
        .filter_map(|image| {
            unfit(image, tested).map(|why| Reason::ImageUnfit { image: image.image.clone(), why })
        })
        .collect()
}

fn unfit(image: &ImageEvidence, tested: &CommitSha) -> Option<String> {
    if let Some(problem) = &image.problem {
        return Some(problem.clone());
    }
    let Some(digest) = &image.digest else {
        return Some(
            "no digest was given; let the build job name it in its output `digest` (or `digests`)"
                .to_owned(),
        );
    };
    if !image.exists {
        return Some(format!("the registry has no {digest}"));
    }
    if !image.missing_children.is_empty() {
        let missing: Vec<&str> = image.missing_children.iter().map(Digest::short).collect();
        return Some(format!(
            "{} lacks platform manifests: {}; build and push it again",
            digest.short(),
            missing.join(", ")
        ));
    }
    let other = image.revisions.iter().find(|revision| *revision != tested.as_str())?;
    Some(format!(
        "the label org.opencontainers.image.revision says {other:?}, but {} was tested",
        tested.short()
    ))
}
