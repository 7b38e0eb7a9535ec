//! Check runs that the configuration asks for (`require.checks`).

use std::fmt;

use serde::Serialize;

/// What was found of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "found", rename_all = "snake_case")]
pub enum CheckFound {
    /// Every check run of this name let it pass: `success`, `neutral` or `skipped`, as in GitHub's
    /// branch protection ("About status checks").
    Passed,
    /// One of this name has not ended.
    Unfinished,
    /// One of this name ended otherwise.
    NotPassed {
        /// How.
        conclusion: String,
        /// Its page.
        url: Option<String>,
    },
    /// The commit has none of this name.
    Missing,
    /// Nobody could look.
    Unknown {
        /// Why.
        why: String,
    },
}

impl fmt::Display for CheckFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("has passed"),
            Self::Unfinished => f.write_str("is not finished"),
            Self::NotPassed { conclusion, url } => {
                write!(f, "ended with {conclusion:?}")?;
                url.as_ref().map_or(Ok(()), |url| write!(f, " ({url})"))
            }
            Self::Missing => f.write_str("is not on the commit"),
            Self::Unknown { why } => write!(f, "cannot be looked at: {why}"),
        }
    }
}

/// A check that the configuration asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequiredCheck {
    /// Its name.
    pub name: String,
    /// What was found.
    #[serde(flatten)]
    pub found: CheckFound,
}
