//! Why nothing can be set up.

/// Says what is missing, or cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InitError {
    /// Nobody knows how the repository is tested.
    #[error("no test command was found, and without tests there is nothing to gate a release by")]
    NoTests,
    /// Nobody knows what the images are called.
    #[error(
        "there is a {dockerfile}, and nobody says what its image is called: the remote is not a repository on GitHub"
    )]
    NoImageName {
        /// The Dockerfile.
        dockerfile: String,
    },
    /// Images were named, and there is nothing to build.
    #[error("{image} was named, and the repository has no Dockerfile to build it from")]
    NothingToBuild {
        /// The image.
        image: String,
    },
    /// The names are not as many as the Dockerfiles.
    #[error(
        "the names given ({names}) are not as many as the images that are built ({builds}): {dockerfiles}"
    )]
    OtherCount {
        /// How many were named.
        names: usize,
        /// How many are built.
        builds: usize,
        /// From what.
        dockerfiles: String,
    },
    /// What a person wrote would do something else in a workflow.
    #[error("{what} cannot stand in a workflow: {given:?} {why}")]
    Unfit {
        /// What it is.
        what: &'static str,
        /// What was written.
        given: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl InitError {
    /// Returns what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoTests => "say how it is tested: --test \"python -m pytest\"",
            Self::NoImageName { .. } => "name it: --image ghcr.io/<owner>/<repository>",
            Self::NothingToBuild { .. } => "leave --image out, or add a Dockerfile",
            Self::OtherCount { .. } => "give one --image for each, in this order",
            Self::Unfit { .. } => "write it in another way",
        }
    }
}
