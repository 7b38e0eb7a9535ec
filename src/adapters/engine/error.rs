//! What can go wrong between tidegate and the engine.

use super::{Address, AddressError};

/// Why the engine did not do what it was asked for.
///
/// [`EngineError::CannotStart`] is the image's fault; everything else says nothing about the image.
/// Texts of the engine in it are short, on one line, and without secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// No socket was found.
    #[error(
        "no container engine was found (looked for {}): start Docker or Podman, or name its socket \
         in DOCKER_HOST or in containers.engine of the configuration",
        .tried.join(", ")
    )]
    NoEngine {
        /// The sockets.
        tried: Vec<String>,
    },
    /// The address that was named cannot be used.
    #[error("{address:?}, from {source_of_it}, {reason}")]
    Address {
        /// The address, without a password.
        address: String,
        /// Who named it.
        source_of_it: &'static str,
        /// What is wrong with it.
        reason: AddressError,
    },
    /// The engine does not answer.
    #[error("the container engine at {address} does not answer: {reason}")]
    Unreachable {
        /// Where it is.
        address: Address,
        /// What happened.
        reason: String,
    },
    /// An image layout cannot be given to an engine.
    #[error(
        "{image} is a folder (OCI image layout), which an engine cannot pull: probe the image where \
         it is in a registry, or probe a URL"
    )]
    Layout {
        /// The image.
        image: String,
    },
    /// The registry has no such image.
    #[error("{image} is not in its registry: {reason}")]
    NoImage {
        /// The image.
        image: String,
        /// The engine's words.
        reason: String,
    },
    /// The registry does not give the image away.
    #[error("the registry does not give out {image} with {credentials}: {reason}")]
    Denied {
        /// The image.
        image: String,
        /// What was sent, without the password.
        credentials: String,
        /// The engine's words.
        reason: String,
    },
    /// The image could not be pulled for another reason.
    #[error("{image} could not be pulled: {reason}")]
    Pull {
        /// The image.
        image: String,
        /// What happened.
        reason: String,
    },
    /// What was pulled is not what was asked for.
    #[error("asked for {image}, the engine holds {found} under that name")]
    OtherDigest {
        /// The image with its digest.
        image: String,
        /// The digests that the engine names.
        found: String,
    },
    /// The image is for other machines.
    #[error(
        "{image} is for {found}, and it has to run on {wanted}: build it for {wanted}, run the gate \
         on a runner of its platform, or name it in containers.platform where the engine can emulate \
         it"
    )]
    OtherPlatform {
        /// The image.
        image: String,
        /// Its platform.
        found: String,
        /// The engine's, or the configured one.
        wanted: String,
    },
    /// The container cannot be started, and the image or its command is at fault: no such command, an
    /// entry point that is not executable, an unknown user.
    #[error("{service} cannot be started: {reason}")]
    CannotStart {
        /// The service.
        service: String,
        /// The engine's words.
        reason: String,
    },
    /// The engine refuses a call, or answers nonsense.
    #[error("the container engine cannot {doing}: {reason}")]
    Refused {
        /// What was tried.
        doing: String,
        /// The engine's words.
        reason: String,
    },
    /// What a run made could not be removed.
    #[error(
        "the container engine could not remove {}: {reason}; remove it by hand, or leave it to the \
         next run",
        .left.join(", ")
    )]
    Left {
        /// Containers, volumes, networks.
        left: Vec<String>,
        /// What happened last.
        reason: String,
    },
}

impl EngineError {
    /// Whether the image is at fault, so that the failure says something about the candidate.
    pub fn is_conclusive(&self) -> bool {
        match self {
            Self::CannotStart { .. } => true,
            Self::NoEngine { .. }
            | Self::Address { .. }
            | Self::Unreachable { .. }
            | Self::Layout { .. }
            | Self::NoImage { .. }
            | Self::Denied { .. }
            | Self::Pull { .. }
            | Self::OtherDigest { .. }
            | Self::OtherPlatform { .. }
            | Self::Refused { .. }
            | Self::Left { .. } => false,
        }
    }
}
