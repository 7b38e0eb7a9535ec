//! The commands of `before_promote` with `live`: just before the record, with the environment of what
//! users see.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{PlanError, Step};
use crate::config::{BeforePromoteConfig, Config};
use crate::model::{Digest, ImageRef};

/// A command that runs in an image of the release before the release is recorded. A run that dies
/// after it and before the record leaves no trace of it: it may run twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveStep {
    /// For `sh -c`.
    pub run: String,
    /// The image.
    pub image: ImageRef,
    /// Its digest: that which was probed and is about to be promoted.
    pub digest: Digest,
    /// Its environment, besides what the configuration gives to the image.
    pub env: BTreeMap<String, String>,
    /// Variables of the environment of whoever performs the step, by the configuration's words
    /// (`NAME`, `NAME=OTHER`); their values are never part of a plan.
    pub secrets: Vec<String>,
    /// How long it may take, in seconds.
    pub timeout: u64,
}

impl LiveStep {
    /// Returns the first line of the command as code, not too long.
    pub fn short(&self) -> String {
        let line = self.run.trim().lines().next().unwrap_or_default();
        let cut = line.chars().count() > 80 || self.run.trim().contains('\n');
        let line: String = line.chars().filter(|c| !c.is_control()).take(80).collect();
        format!("`{line}{}`", if cut { "…" } else { "" })
    }
}

/// Returns the commands that the configuration wants, for a release set by digest.
pub(super) fn live(
    config: &Config,
    images: &BTreeMap<ImageRef, Digest>,
) -> Result<Vec<Step>, PlanError> {
    let mut steps = Vec::new();
    for before in &config.before_promote {
        let Some(live) = &before.live else { continue };
        let none = || PlanError::LiveImage { run: before.run.clone() };
        let image = image(before, config, images).ok_or_else(none)?;
        let digest = images.get(image).ok_or_else(none)?;
        steps.push(Step::RunLive(LiveStep {
            run: before.run.clone(),
            image: image.clone(),
            digest: digest.clone(),
            env: live.env.clone(),
            secrets: live.secrets.clone(),
            timeout: before.timeout().as_secs(),
        }));
    }
    Ok(steps)
}

/// The image that is named, that of the service that is named, or the only one.
fn image<'a>(
    before: &'a BeforePromoteConfig,
    config: &'a Config,
    images: &'a BTreeMap<ImageRef, Digest>,
) -> Option<&'a ImageRef> {
    let of_service = || config.compose.as_ref()?.services.get(before.service.as_ref()?);
    let only = || images.keys().next().filter(|_| images.len() == 1);
    before.image.as_ref().or_else(of_service).or_else(only)
}
