//! The remote: listing its refs and fetching from it.

use std::collections::BTreeMap;
use std::time::Duration;

use git2::{AutotagOption, Direction, ErrorClass, ErrorCode, FetchOptions, ProxyOptions, Remote};
use url::Url;

use super::{Git, GitError, certificates, oid, sha};
use crate::model::{BranchName, CommitSha};

/// What the remote's branches and tags point at, by full ref name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemoteRefs(BTreeMap<String, CommitSha>);

impl FromIterator<(String, CommitSha)> for RemoteRefs {
    fn from_iter<I: IntoIterator<Item = (String, CommitSha)>>(refs: I) -> Self {
        Self(refs.into_iter().collect())
    }
}

impl RemoteRefs {
    /// Returns what a branch points at.
    pub fn branch(&self, branch: &BranchName) -> Option<&CommitSha> {
        self.0.get(&branch.full_ref())
    }

    /// Returns what a ref points at, by its full name.
    pub fn get(&self, full_ref: &str) -> Option<&CommitSha> {
        self.0.get(full_ref)
    }
}

/// libgit2's value for "all history", `GIT_FETCH_DEPTH_UNSHALLOW`.
const UNSHALLOW: i32 = i32::MAX;

/// How long a ref that another process has locked is waited for, each time.
pub(super) const LOCK_PAUSES: [Duration; 6] = [
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(300),
];

impl Git {
    /// Returns the URL of the remote, with any credentials in it.
    pub(super) fn raw_remote_url(&self) -> Result<String, GitError> {
        let remote =
            self.repo.find_remote(&self.remote_name).map_err(|error| match error.code() {
                ErrorCode::NotFound | ErrorCode::InvalidSpec => {
                    GitError::NoRemote { name: self.remote_name.clone() }
                }
                _ => GitError::other("reading the remote")(error),
            })?;
        Ok(String::from_utf8_lossy(remote.url_bytes()).into_owned())
    }

    /// Returns the URL of the remote as it may be shown: without user, password and query.
    pub fn remote_url(&self) -> Result<String, GitError> {
        Ok(presentable(&self.raw_remote_url()?))
    }

    pub(super) fn remote(&self) -> Result<Remote<'_>, GitError> {
        let url = self.raw_remote_url()?;
        // A remote of our own with the same URL: the user's refspecs, pruning and tags stay out.
        let remote =
            self.repo.remote_anonymous(&url).map_err(GitError::other("opening the remote"))?;
        // As git's configuration rewrites them. Plain http too: a server may redirect to https.
        let urls = [Some(remote.url_bytes()), remote.pushurl_bytes()];
        if urls.into_iter().flatten().any(|url| url.starts_with(b"http")) {
            certificates::load();
        }
        Ok(remote)
    }

    /// Says what an error of the remote means to a person.
    pub(super) fn remote_error(&self, action: &'static str, error: &git2::Error) -> GitError {
        let remote = self.remote_url().unwrap_or_default();
        let reason = self.redactor.redact(error.message()).into_owned();
        let refused = error.code() == ErrorCode::Auth
            || matches!(error.class(), ErrorClass::Ssh | ErrorClass::Callback)
            || ["401", "403", "credentials", "authentication"].iter().any(|s| reason.contains(s));
        if refused {
            let mend = "give a token that may do this in TIDEGATE_TOKEN (in Actions: `contents: write`), or set up git's credential helper or ssh key".to_owned();
            GitError::Unauthorized { action, remote, reason, mend }
        } else {
            GitError::Unreachable { action, remote, reason }
        }
    }

    /// Asks the remote what its branches and tags point at.
    pub fn list_remote(&self) -> Result<RemoteRefs, GitError> {
        let url = self.raw_remote_url()?;
        let config = self.repo.config().map_err(GitError::other("reading git's configuration"))?;
        let mut remote = self.remote()?;
        let connection = remote
            .connect_auth(Direction::Fetch, Some(self.auth.callbacks(&url, config)), Some(proxy()))
            .map_err(|error| self.remote_error("listing the refs of", &error))?;
        let heads =
            connection.list().map_err(|error| self.remote_error("listing the refs of", &error))?;
        Ok(RemoteRefs(heads.iter().map(|head| (head.name().to_owned(), sha(head.oid()))).collect()))
    }

    /// Asks the remote whether it takes pushes with these credentials: it is connected to as for a
    /// push, which servers allow to nobody who may only read, and nothing is sent. What the rules of
    /// a branch say is not known by that.
    pub fn may_push(&self) -> Result<(), GitError> {
        let url = self.raw_remote_url()?;
        let config = self.repo.config().map_err(GitError::other("reading git's configuration"))?;
        let mut remote = self.remote()?;
        let connection = remote
            .connect_auth(Direction::Push, Some(self.auth.callbacks(&url, config)), Some(proxy()))
            .map_err(|error| self.remote_error("connecting for a push to", &error))?;
        drop(connection);
        Ok(())
    }

    /// Fetches branches with their whole history, and tells what they point at. Only refs below
    /// `refs/tidegate/` are written, so nobody's branches or tracking refs move.
    pub fn fetch(&self, branches: &[&BranchName]) -> Result<RemoteRefs, GitError> {
        let refs = self.list_remote()?;
        let wanted: Vec<(&BranchName, &CommitSha)> =
            branches.iter().filter_map(|branch| Some((*branch, refs.branch(branch)?))).collect();
        let missing: Vec<String> = wanted
            .iter()
            .filter(|(_, head)| !self.has_commit(head))
            .map(|(branch, _)| branch.full_ref())
            .collect();
        let shallow = self.is_shallow();
        if !missing.is_empty() || shallow {
            let specs = if missing.is_empty() {
                wanted.iter().map(|(branch, _)| branch.full_ref()).collect()
            } else {
                missing
            };
            let result = self.download(&specs, shallow.then_some(UNSHALLOW));
            if shallow {
                self.after_deepening(result)?;
            } else {
                result?;
            }
        }
        for (branch, head) in wanted {
            self.note(branch, head)?;
        }
        Ok(refs)
    }

    /// Notes what a branch of the remote points at, for questions without network. Another gate
    /// in this clone may be writing the same note.
    fn note(&self, branch: &BranchName, head: &CommitSha) -> Result<(), GitError> {
        let name = format!("refs/tidegate/{branch}");
        for pause in LOCK_PAUSES {
            match self.repo.reference(&name, oid(head), true, "tidegate: fetched") {
                Ok(_) => return Ok(()),
                Err(error) if error.code() == ErrorCode::Locked => std::thread::sleep(pause),
                Err(error) => return Err(GitError::other("noting what was fetched")(error)),
            }
        }
        tracing::warn!("{name} is locked; if no git process runs here, remove {name}.lock");
        Ok(())
    }

    /// Looks at the remote for somebody who only asks: tells what its refs point at, and fetches
    /// the heads of `branches` that are not here. A shallow clone stays as shallow as it is. A
    /// download that failed is told beside the refs: their ids are known all the same.
    pub fn look(
        &self,
        branches: &[&BranchName],
    ) -> Result<(RemoteRefs, Option<GitError>), GitError> {
        let refs = self.list_remote()?;
        let depth = self.is_shallow().then_some(1);
        let mut failed = None;
        for branch in branches {
            let Some(head) = refs.branch(branch) else { continue };
            if !self.has_commit(head) {
                failed = self.download(&[branch.full_ref()], depth).err().or(failed);
            }
            // A clone that cannot be written to answers as well; only the next look costs more.
            if self.has_commit(head) {
                let _ = self.note(branch, head);
            }
        }
        Ok((refs, failed))
    }

    /// Returns the last fetched or tracked value of a branch of the remote, without any network:
    /// of git's own view and tidegate's, the newer one.
    pub fn tracked(&self, branch: &BranchName) -> Option<CommitSha> {
        let gits = self.local_ref(&format!("refs/remotes/{}/{branch}", self.remote_name));
        let own = self.local_ref(&format!("refs/tidegate/{branch}"));
        match (gits, own) {
            (Some(gits), Some(own)) => {
                // Branches are never rewritten, so one is the other's ancestor. Where a shallow
                // clone cannot tell, the later commit is the newer one.
                let newer = self.is_ancestor(&gits, &own).unwrap_or_else(|_| {
                    let time = |commit| self.commit(commit).map_or(0, |info| info.time);
                    time(&own) > time(&gits)
                });
                Some(if newer { own } else { gits })
            }
            (gits, own) => gits.or(own),
        }
    }

    fn after_deepening(&self, result: Result<(), GitError>) -> Result<(), GitError> {
        let reason = match result {
            Ok(()) if !self.is_shallow() => return Ok(()),
            Ok(()) => "the remote left it shallow".to_owned(),
            Err(error) => error.to_string(),
        };
        Err(GitError::Shallow { reason: Some(reason) })
    }

    fn download(&self, refspecs: &[String], depth: Option<i32>) -> Result<(), GitError> {
        tracing::debug!(?refspecs, ?depth, "fetching");
        let url = self.raw_remote_url()?;
        let config = self.repo.config().map_err(GitError::other("reading git's configuration"))?;
        let mut options = FetchOptions::new();
        options
            .remote_callbacks(self.auth.callbacks(&url, config))
            .proxy_options(proxy())
            .download_tags(AutotagOption::None)
            .update_fetchhead(false);
        if let Some(depth) = depth {
            options.depth(depth);
        }
        self.remote()?
            .fetch(refspecs, Some(&mut options), None)
            .map_err(|error| self.remote_error("fetching from", &error))
    }
}

pub(super) fn proxy<'a>() -> ProxyOptions<'a> {
    let mut proxy = ProxyOptions::new();
    proxy.auto();
    proxy
}

/// Takes user, password, query and fragment out of a URL.
fn presentable(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else { return url.to_owned() };
    if parsed.scheme() != "ssh" {
        let _ = parsed.set_username("");
    }
    let _ = parsed.set_password(None);
    parsed.set_query(None);
    parsed.set_fragment(None);
    parsed.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_url_has_no_credentials() {
        assert_eq!(presentable("https://me:secret@host/x.git?token=1"), "https://host/x.git");
        assert_eq!(presentable("git@github.com:acme/app.git"), "git@github.com:acme/app.git");
    }
}
