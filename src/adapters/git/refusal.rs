//! Why a server refuses a push, read off what it says: there is no other sign of it.

/// What can be done about a refused push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The branch is protected, by branch protection (GH006) or a ruleset (GH013): it takes changes
    /// through pull requests ("Troubleshooting rules").
    Protected,
    /// The token may not change files under `.github/workflows/` (GitHub documentation, "Automatic
    /// token authentication"; Apps and personal tokens need a permission of their own for it).
    Workflows,
    /// Anything else.
    Other,
}

impl Refusal {
    /// Reads what the server said.
    pub fn of(reason: &str) -> Self {
        let said = reason.to_ascii_lowercase();
        if said.contains("refusing to allow") && said.contains("workflow") {
            return Self::Workflows;
        }
        // A rule against secrets in files has the number of rulesets too, and holds on every branch.
        let protected =
            ["gh006", "gh013", "protected branch", "repository rule violations", "protected ref"];
        if protected.iter().any(|part| said.contains(part)) && !said.contains("contain secrets") {
            return Self::Protected;
        }
        Self::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protected_branch_is_known_by_its_words() {
        for said in [
            "protected branch hook declined (error: GH006: Protected branch update failed for refs/heads/main.; error: Changes must be made through a pull request.)",
            "push declined due to repository rule violations (error: GH013: Repository rule violations found for refs/heads/main.)",
            "pre-receive hook declined (GitLab: You are not allowed to push code to protected branches on this project.)",
        ] {
            assert_eq!(Refusal::of(said), Refusal::Protected, "{said}");
        }
    }

    #[test]
    fn a_refused_workflow_is_known_by_its_words() {
        for said in [
            "refusing to allow a GitHub App to create or update workflow `.github/workflows/x.yml` without `workflows` permission",
            "refusing to allow an OAuth App to create or update workflow `.github/workflows/x.yml` without `workflow` scope",
        ] {
            assert_eq!(Refusal::of(said), Refusal::Workflows, "{said}");
        }
    }

    #[test]
    fn other_refusals_stay_errors() {
        for said in [
            "pre-receive hook declined (the disk is full)",
            "push declined due to repository rule violations (error: GH013: Repository rule violations found for refs/heads/main.; - GITHUB PUSH PROTECTION; - Push cannot contain secrets)",
            "hook declined",
        ] {
            assert_eq!(Refusal::of(said), Refusal::Other, "{said}");
        }
    }
}
