//! Path patterns of the configuration.

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

/// Says which pattern of the configuration cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{key}, entry {entry}: {given:?}: {cause}; expected a path from the root of the repository, such as reports/junit*.xml or docs/examples/**"
)]
pub struct GlobError {
    /// The key of the configuration.
    pub key: &'static str,
    /// The entry of its list, from 1.
    pub entry: usize,
    /// The pattern.
    pub given: String,
    /// What is wrong with it.
    pub cause: String,
}

/// Reads one pattern. `*` and `?` stop at slashes, `**` does not.
pub fn glob(key: &'static str, entry: usize, pattern: &str) -> Result<Glob, GlobError> {
    let error =
        |cause: String| GlobError { key, entry, given: pattern.chars().take(80).collect(), cause };
    if pattern.is_empty() || pattern.len() > 1024 {
        return Err(error(format!("has {} bytes", pattern.len())));
    }
    if pattern.starts_with('/') || pattern.split('/').any(|part| part == "..") {
        return Err(error("leaves the repository".to_owned()));
    }
    GlobBuilder::new(pattern)
        .literal_separator(true)
        .build()
        .map_err(|problem| error(problem.kind().to_string()))
}

/// Reads a list of patterns into one set.
pub fn set(key: &'static str, patterns: &[String]) -> Result<GlobSet, GlobError> {
    let mut builder = GlobSetBuilder::new();
    for (index, pattern) in patterns.iter().enumerate() {
        builder.add(glob(key, index + 1, pattern)?);
    }
    builder.build().map_err(|problem| GlobError {
        key,
        entry: patterns.len(),
        given: String::new(),
        cause: problem.kind().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_leave_the_repository_or_cannot_be_read_are_refused() {
        for pattern in ["", "/etc/*", "../x", "a/../../b", "[", "{a", &"a".repeat(2000)] {
            let error = glob("require.reports", 2, pattern).unwrap_err();
            assert!(error.to_string().starts_with("require.reports, entry 2"), "{error}");
        }
        assert!(glob("require.reports", 1, "reports/**/junit*.xml").is_ok());
    }
}
