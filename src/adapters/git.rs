//! git, through libgit2.
