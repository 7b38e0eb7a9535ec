//! What hand-written pipelines do: what each habit does, what breaks because of it, and what a
//! gate does in its place.

/// Something that hand-written pipelines do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Habit {
    LastSuccess,
    OnFailure,
    Revert,
    ResetHard,
    RestoreTree,
    ForcedPush,
    MoveBranch,
    PushStable,
    Pull,
    Retag,
    PushTag,
    CopyTag,
    Ledger,
    SkipCommit,
    Commit,
    Push,
    Issue,
    Cancels,
}

/// What is said about a habit.
pub(super) struct Words {
    /// What it does.
    pub does: &'static str,
    /// What breaks because of it.
    pub breaks: &'static str,
    /// What replaces it.
    pub instead: &'static str,
}

impl Habit {
    /// Says about it what a person should know.
    pub fn words(self) -> Words {
        let (does, breaks, instead) = match self {
            Self::LastSuccess => (
                "takes the last good commit from the text of the ledger",
                "it finds nothing in entries written in bold (`**Status**:`), and it takes samples, commits of other branches and commits that were rolled back for good ones",
                "the gate looks for the last good commit and checks it; `tidegate last-good` prints it",
            ),
            Self::OnFailure => (
                "starts the rollback when any job fails",
                "a job that could not start, or a registry that was down, reverts good code; and a second push meanwhile is reverted in its place",
                "the gate tells a failed test from missing evidence: the first is rolled back, the second holds",
            ),
            Self::Revert => (
                "reverts the newest commit",
                "bad commits below it stay; a merge commit and a conflict end it half-way",
                "one new commit that has all files of the last good commit, whatever came after it",
            ),
            Self::ResetHard => (
                "goes back to an older commit by throwing newer ones away",
                "it needs a forced push, which rewrites history: commits of others are lost",
                "one new commit that has all files of the last good commit; nothing is thrown away",
            ),
            Self::RestoreTree => (
                "takes the files of an older commit",
                "files that were added since stay, and the ledger loses its newer entries",
                "the rollback commit has exactly the files of the last good commit; the ledger is kept",
            ),
            Self::ForcedPush => (
                "pushes by force",
                "what others pushed meanwhile is lost, without a trace",
                "the gate never pushes by force: it compares, and reads the branch again when it moved",
            ),
            Self::MoveBranch => (
                "moves a branch or tag by force",
                "nobody can see any more what was live before",
                "the gate only moves the branch `stable` forward, and records every release",
            ),
            Self::PushStable => (
                "moves the branch that users get",
                "it moves whether or not the image did, an older run can put it back, and after a rollback it cannot move at all",
                "the gate records the release, then moves image tags and branch together",
            ),
            Self::Pull => (
                "fetches the candidate by its tag",
                "another run can have moved the tag: something that was never tested goes to users",
                "the build job hands over the digest (`outputs: digest`), and the gate promotes that digest",
            ),
            Self::Retag => (
                "gives the image another tag on the runner",
                "only the runner's platform is kept, and the digest can change: what was tested is not what users get",
                "the gate moves the tags within the registry: same digest, all platforms",
            ),
            Self::PushTag => (
                "pushes the tag that users pull",
                "the tags move one after the other: when the job dies between them, users get two versions",
                "the gate records the release first; a later run completes what is missing",
            ),
            Self::CopyTag => (
                "copies the candidate to the tag that users pull",
                "an older run that ends later puts old code over new, and nothing records what was live",
                "the gate promotes the digest that was tested, never an older one over a newer, and records it",
            ),
            Self::Ledger => (
                "writes the entry of the ledger",
                "it is written before anybody knows whether the release went through, and is lost when the push is rejected",
                "the gate writes the entry, in the same form, after the release",
            ),
            Self::SkipCommit => (
                "commits with [skip ci]",
                "where this is a squash merge's message, or the push fails, a commit is never tested",
                "the gate makes the commit and neutralises markers in what it quotes",
            ),
            Self::Commit => (
                "commits what the step changed",
                "it is made on the commit that was tested, not on the branch as it is now",
                "the gate builds its commits on the newest commit of the branch",
            ),
            Self::Push => (
                "pushes to the branch",
                "it is rejected when somebody pushed meanwhile, and the work is lost",
                "the gate builds the commit anew on the moved branch, up to five times",
            ),
            Self::Issue => (
                "opens an issue",
                "each failure opens one more, and nobody closes them",
                "the gate keeps one issue about a rollback, and the next promotion closes it",
            ),
            Self::Cancels => (
                "cancels the run before, when the next push comes",
                "a promotion or a rollback is stopped half-way, and the failure of a commit is never decided",
                "runs on the branch go on to their end; the gates wait for each other",
            ),
        };
        Words { does, breaks, instead }
    }
}
