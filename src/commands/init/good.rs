//! Which commit a ledger that was kept by hand would let a failure go back to.

use crate::commands::session::Session;
use crate::init::{Design, Survey};
use crate::ledger;
use crate::model::CommitSha;
use crate::observe::good::{GoodQuery, search};
use crate::policy::last_good;
use crate::state::State;

/// Finds it; `None` where nothing in the ledger counts.
pub(super) fn find(
    session: &Session,
    survey: &Survey,
    design: &Design,
    path: &str,
) -> anyhow::Result<Option<String>> {
    let local = session.git.local_ref(&design.branch.full_ref());
    let head = local.or_else(|| session.git.local_commit("HEAD"));
    let (Some(head), Some(text)) = (head, survey.texts.get(path)) else { return Ok(None) };
    let ledger = ledger::parse(text.as_bytes())?;
    let query = GoodQuery {
        head: &head,
        failed: None,
        branch: &design.branch,
        ledger_path: path,
        state: &State::default(),
        now: session.now,
    };
    let found = search(&session.git, &ledger, &query)?;
    Ok(last_good::choose(&found).map(|good| CommitSha::to_string(&good.commit)))
}
