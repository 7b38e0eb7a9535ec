//! Tag patterns, and the tags that they make.

use super::TagsConfig;
use crate::model::{BranchName, CommitSha, InvalidValue, Tag};

/// Says why a tag pattern makes no tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagPatternError {
    /// A word in braces that stands for nothing.
    #[error("expected {{branch}}, {{sha}} or {{short_sha}}, found {placeholder:?} in {pattern:?}")]
    UnknownPlaceholder {
        /// The pattern.
        pattern: String,
        /// What stands there, with its braces.
        placeholder: String,
    },
    /// What comes out is not a tag.
    #[error("the pattern {pattern:?} makes no tag: {problem}")]
    NotATag {
        /// The pattern.
        pattern: String,
        /// What came out, and what a tag is.
        problem: InvalidValue,
    },
}

impl TagsConfig {
    /// Returns the moving tag of the candidates of `branch`.
    ///
    /// # Errors
    /// The name of the branch has characters that a tag may not have.
    pub fn candidate_tag(
        &self,
        branch: &BranchName,
        commit: &CommitSha,
    ) -> Result<Tag, TagPatternError> {
        render(&self.candidate, branch, commit)
    }

    /// Returns the tag of the image of `commit`.
    ///
    /// # Errors
    /// See [`TagsConfig::candidate_tag`].
    pub fn commit_tag(
        &self,
        branch: &BranchName,
        commit: &CommitSha,
    ) -> Result<Tag, TagPatternError> {
        render(&self.commit, branch, commit)
    }

    /// Returns the tag that keeps the released image of `commit` reachable.
    ///
    /// # Errors
    /// See [`TagsConfig::candidate_tag`].
    pub fn keep_tag(
        &self,
        branch: &BranchName,
        commit: &CommitSha,
    ) -> Result<Tag, TagPatternError> {
        render(&self.keep, branch, commit)
    }

    /// Returns the tags that users pull: `stable`, then those of `also`.
    ///
    /// # Errors
    /// One of them is not a tag; not in a configuration that was parsed.
    pub fn stable_tags(&self) -> Result<Vec<Tag>, InvalidValue> {
        std::iter::once(&self.stable).chain(&self.also).map(|tag| tag.parse()).collect()
    }
}

fn render(pattern: &str, branch: &BranchName, commit: &CommitSha) -> Result<Tag, TagPatternError> {
    let mut text = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((placeholder, after)) = after.split_once('}') else {
            // The brace without its pair is refused as no character of a tag.
            break;
        };
        text.push_str(before);
        match placeholder {
            "branch" => text.push_str(&branch.for_tag()),
            "sha" => text.push_str(commit.as_str()),
            "short_sha" => text.push_str(commit.short()),
            _ => {
                return Err(TagPatternError::UnknownPlaceholder {
                    pattern: pattern.to_owned(),
                    placeholder: format!("{{{placeholder}}}"),
                });
            }
        }
        rest = after;
    }
    text.push_str(rest);
    text.parse()
        .map_err(|problem| TagPatternError::NotATag { pattern: pattern.to_owned(), problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit() -> CommitSha {
        "611b29b4c11a2b5e0d1a4a7a0f3c5b6d7e8f9a0b".parse().unwrap()
    }

    #[test]
    fn patterns_are_filled_in() {
        let tags = TagsConfig::default();
        let branch = "feature/login".parse().unwrap();
        let tag = |tag: Result<Tag, TagPatternError>| tag.unwrap().to_string();
        assert_eq!(tag(tags.candidate_tag(&branch, &commit())), "feature-login-candidate");
        assert_eq!(tag(tags.commit_tag(&branch, &commit())), commit().as_str());
        assert_eq!(tag(tags.keep_tag(&branch, &commit())), "good-611b29b");
        assert_eq!(tags.stable_tags().unwrap().len(), 2);
    }

    #[test]
    fn a_branch_that_makes_no_tag_is_an_error() {
        let error = TagsConfig::default().candidate_tag(&"a+b".parse().unwrap(), &commit());
        assert!(error.unwrap_err().to_string().contains("\"a+b-candidate\" is not a tag"));
    }

    #[test]
    fn unknown_placeholders_are_named() {
        let render =
            |pattern: &str| render(pattern, &"main".parse().unwrap(), &commit()).unwrap_err();
        for (pattern, found) in [("{SHA}", "{SHA}"), ("x{}", "{}"), ("{{sha}}", "{{sha}")] {
            let (pattern, placeholder) = (pattern.to_owned(), found.to_owned());
            let error = render(&pattern);
            assert_eq!(error, TagPatternError::UnknownPlaceholder { pattern, placeholder });
        }
        assert!(matches!(render("good-{sha"), TagPatternError::NotATag { .. }));
    }
}
