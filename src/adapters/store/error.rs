//! What can go wrong with a store.

use std::path::PathBuf;

use super::failure::{Failure, without_signatures};
use crate::http::one_line;

/// Why a store could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is nothing to log in with, or it makes no sense.
    #[error("{place}: {problem}")]
    Credentials {
        /// The store.
        place: String,
        /// What is missing or wrong.
        problem: String,
    },
    /// The store knows us, or does not, and says no.
    #[error("{place}: the store does not allow it: {reason}")]
    Denied {
        /// Where.
        place: String,
        /// What it said.
        reason: String,
    },
    /// The store refuses because this machine's clock is wrong.
    #[error("{place}: {}", clock(*minutes_ahead))]
    Clock {
        /// Where.
        place: String,
        /// By how many minutes the clock is ahead of the store's; negative: behind.
        minutes_ahead: i64,
    },
    /// It did not answer, or not in time.
    #[error("{place}: {reason}")]
    Unreachable {
        /// Where.
        place: String,
        /// What happened.
        reason: String,
    },
    /// It asks for fewer requests.
    #[error("{place}: the store asks for fewer requests: {reason}")]
    Busy {
        /// Where.
        place: String,
        /// What it said.
        reason: String,
    },
    /// An object, or the container, is not there.
    #[error("{place} is not there")]
    Missing {
        /// Where.
        place: String,
    },
    /// The object has another version than the one that was asked for.
    #[error("{place} was replaced while it was read")]
    Moved {
        /// Where.
        place: String,
    },
    /// What arrived is not what was sent.
    #[error("{place}: {problem}")]
    Damaged {
        /// Where.
        place: String,
        /// What differs.
        problem: String,
    },
    /// An object is larger than what it can be.
    #[error("{place} has {size} bytes, and at most {limit} are read")]
    TooLarge {
        /// Where.
        place: String,
        /// Its size.
        size: u64,
        /// The bound.
        limit: u64,
    },
    /// A path that no store can have.
    #[error("{path:?} is no path of an object")]
    Path {
        /// The path.
        path: String,
    },
    /// A symbolic link where a store has a folder or an object.
    #[error("{} is a symbolic link, and a store follows none", path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// A file of this machine.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file was changed while it was read.
    #[error("{} was changed while it was sent; nothing was stored", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The store cannot do it at all.
    #[error("{place}: {problem}")]
    Unsupported {
        /// Where.
        place: String,
        /// What it cannot do.
        problem: String,
    },
}

fn clock(minutes_ahead: i64) -> String {
    let (minutes, way) =
        (minutes_ahead.unsigned_abs(), if minutes_ahead < 0 { "behind" } else { "ahead" });
    match minutes {
        0..5 => "the store refuses the time of the request: set this machine's clock".to_owned(),
        _ => format!(
            "this machine's clock is {minutes} minutes {way} of the store's, which therefore refuses \
             the request: set the clock"
        ),
    }
}

impl StoreError {
    /// Says what an error of the library means.
    pub(super) fn of_library(place: String, container: &str, error: &object_store::Error) -> Self {
        if let Some(failure) = Failure::below(error) {
            return Self::of(place, container, failure);
        }
        let reason = without_signatures(&one_line(&error.to_string()));
        match error {
            object_store::Error::NotFound { .. } => Self::Missing { place },
            object_store::Error::Precondition { .. } => Self::Moved { place },
            object_store::Error::NotSupported { .. }
            | object_store::Error::NotImplemented { .. } => {
                Self::Unsupported { place, problem: reason }
            }
            _ => Self::Unreachable { place, reason },
        }
    }

    /// Says what a failed request means.
    pub(super) fn of(place: String, container: &str, failure: &Failure) -> Self {
        if let Some(minutes_ahead) = failure.clock() {
            return Self::Clock { place, minutes_ahead };
        }
        let reason = failure.to_string();
        if failure.is_busy() {
            return Self::Busy { place, reason };
        }
        match failure {
            Failure::Answer { status: 404, code, .. } => match code.as_str() {
                "ContainerNotFound" | "NoSuchBucket" => {
                    Self::Missing { place: container.to_owned() }
                }
                _ => Self::Missing { place },
            },
            Failure::Answer { status: 412, .. } => Self::Moved { place },
            Failure::Answer { code, .. } if code == "ContainerBeingDeleted" => Self::Unreachable {
                place: container.to_owned(),
                reason: "the container is being deleted; it can be made again in about a minute"
                    .to_owned(),
            },
            Failure::Answer { status: 300..400, .. } => Self::Credentials {
                place,
                problem: format!("the bucket is in another region ({reason}): set data.region"),
            },
            // "Rehydrate an archived blob" of Azure Blob Storage; `GetObject` of the Amazon S3 API.
            Failure::Answer { code, .. }
                if matches!(code.as_str(), "BlobArchived" | "InvalidObjectState") =>
            {
                let problem = format!("is in the archive ({reason}): move it to a warmer tier");
                Self::Damaged { place, problem }
            }
            Failure::Answer { status: 400..500, code, .. } => {
                Self::Denied { place, reason: format!("{}{reason}", meaning(code)) }
            }
            Failure::Login(_) => Self::Denied { place, reason },
            Failure::Damaged(_) => Self::Damaged { place, problem: reason },
            Failure::Answer { .. }
            | Failure::Connect(_)
            | Failure::Cut(_)
            | Failure::TimedOut
            | Failure::Unreadable(_) => Self::Unreachable { place, reason },
        }
    }
}

/// What a store's word for a refusal means for a person.
fn meaning(code: &str) -> &'static str {
    match code {
        "AuthenticationFailed" | "InvalidAuthenticationInfo" | "SignatureDoesNotMatch" => {
            "the key or the signature is wrong, or it has expired: "
        }
        "InvalidAccessKeyId" => "AWS_ACCESS_KEY_ID is unknown: ",
        "ExpiredToken" | "TokenRefreshRequired" => "the login has expired: ",
        "AuthorizationPermissionMismatch" | "InsufficientAccountPermissions" => {
            "the login lacks a permission, such as the role Storage Blob Data Contributor: "
        }
        // Azure's word for both: the address is not in the account's network rules, and a signature
        // that does not fit.
        "AuthorizationFailure" | "PublicAccessNotPermitted" | "NoAuthenticationInformation" => {
            "the key or the signature is wrong, or the account's network rules do not allow it: "
        }
        "AccessDenied" => "the login lacks a permission: ",
        "KeyBasedAuthenticationNotPermitted" => "the account takes no keys, use OIDC: ",
        _ => "",
    }
}
