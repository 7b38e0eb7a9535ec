//! Puts together what is examined.

use std::time::Duration;

use tokio::time::Instant;

use crate::cli::Global;
use crate::commands::session::{Session, block_on};
use crate::commands::status::agreement::LedgerSeen as LedgerFile;
use crate::commands::status::look::{self as git_look, Seen as GitSeen, Source, said};
use crate::commands::status::projections_at;
use crate::commands::status::served::look as served_look;
use crate::config::{CONFIG_PATH, ConfigError};
use crate::doctor::{
    Checkup, CommitSeen, ConfigurationFile, ConfigurationProblem, DataSeen, GitHubSeen, ImagesSeen,
    LedgerSeen, ProjectionsSeen, RefsSeen, RegistryAnswer, RemoteSeen, Seen, StateProblem,
    Unchecked,
};
use crate::evidence::markers::MarkerEvidence;
use crate::evidence::rollback_limit::DeclaredLimit;
use crate::evidence::served::Served;
use crate::http;
use crate::ledger::Ledger;
use crate::model::CommitSha;
use crate::observe::checkup::data::{DataQuery, look as data_look};
use crate::observe::checkup::github::GitHubQuery;
use crate::observe::checkup::images::ImagesQuery;
use crate::observe::checkup::{commits, github, images, push, workflows};
use crate::observe::{good, release, rollback_limit};
use crate::policy::last_good;

/// How long all registries together may take.
const REGISTRIES: Duration = Duration::from_secs(30);

/// How long one answer of a registry may take.
const ANSWER: Duration = Duration::from_secs(10);

/// Why nobody was asked.
const OFFLINE: &str = "not asked: --offline";

pub(super) fn look(
    session: &Session,
    global: &Global,
    problem: Option<anyhow::Error>,
    offline: bool,
    say: &dyn Fn(&str),
) -> anyhow::Result<Checkup> {
    let (git, config) = (&session.git, &session.config);
    let seen = git_look::look(git, config, offline);
    let remote = remote(session, &seen, offline);
    say("asking the registries");
    let state = match &seen.state_problem {
        Some(why) if seen.state_head.as_ref().is_some_and(|head| !git.has_commit(head)) => {
            Err(StateProblem::NotHere(why.clone()))
        }
        Some(why) => Err(StateProblem::Damaged(why.clone())),
        None => Ok(seen.state.clone()),
    };
    let images = images_of(session, &seen, offline);
    let projections = projections(session, &seen, offline);
    say("asking the store");
    let data = data(session, offline)?;
    say("asking GitHub");
    let has_stable = seen.refs.branch(&config.stable_branch).is_some();
    let github =
        if offline { Seen::Unknown(OFFLINE.to_owned()) } else { github_of(session, has_stable) };
    Ok(Checkup {
        now: session.now,
        in_actions: session.run.is_some(),
        config: config.clone(),
        file: configuration(session, global, problem),
        workflows: workflows::read(git)?,
        remote,
        markers: markers(session, &seen),
        commits: newest_commits(session, &seen),
        ledger: ledger(session, &seen),
        state,
        projections,
        images,
        github,
        limit: limit(session),
        served: served(session, &seen, offline),
        data,
    })
}

fn configuration(
    session: &Session,
    global: &Global,
    problem: Option<anyhow::Error>,
) -> ConfigurationFile {
    let named = global.config.as_ref().map(|path| path.display().to_string());
    let exists = named.is_some() || session.root.join(CONFIG_PATH).is_file();
    let problem = problem.map(|error| match error.downcast_ref::<ConfigError>() {
        Some(wrong) => ConfigurationProblem {
            line: wrong.place().map(|place| place.line),
            problem: wrong.problem().to_string(),
            hint: wrong.hint(),
        },
        None => ConfigurationProblem { line: None, problem: said(error), hint: None },
    });
    // A bare repository has its file in HEAD only.
    let exists = exists || session.git.workdir().is_none() || problem.is_some();
    ConfigurationFile { path: named.unwrap_or_else(|| CONFIG_PATH.to_owned()), exists, problem }
}

fn remote(session: &Session, seen: &GitSeen, offline: bool) -> RemoteSeen {
    let (git, config) = (&session.git, &session.config);
    let refs = match seen.source {
        Source::Remote => Seen::Known(RefsSeen {
            branch: seen.refs.branch(&config.branch).is_some(),
            ledger_branch: seen.refs.branch(config.ledger_branch()).is_some(),
            stable_branch: seen.refs.branch(&config.stable_branch).is_some(),
            stable_tag: seen.refs.get(&format!("refs/tags/{}", config.stable_branch)).is_some(),
        }),
        Source::LastFetch if offline => Seen::Unknown(OFFLINE.to_owned()),
        Source::LastFetch => Seen::Unknown(seen.warnings.join("; ")),
        Source::Local => Seen::Unknown("there is no remote".to_owned()),
    };
    let push = match (&refs, offline) {
        (_, true) => Seen::Unknown(OFFLINE.to_owned()),
        (Seen::Known(_), false) => push::look(git),
        (Seen::Unknown(_), false) => Seen::Unknown("the remote did not answer".to_owned()),
    };
    let exists = seen.source != Source::Local;
    RemoteSeen { exists, asked: !offline, shallow: git.is_shallow(), refs, push }
}

fn markers(session: &Session, seen: &GitSeen) -> Seen<MarkerEvidence> {
    let Some(head) = session.git.local_commit("HEAD") else {
        return Seen::Unknown("there is no commit yet".to_owned());
    };
    let found = session.git.commit(&head).map_err(anyhow::Error::from).and_then(|info| {
        release::conflict_markers(&session.git, &session.config, &seen.state, &info.tree)
    });
    found.map_or_else(|error| Seen::Unknown(said(error)), Seen::Known)
}

fn head<'a>(session: &Session, seen: &'a GitSeen) -> Result<&'a CommitSha, String> {
    let branch = &session.config.branch;
    let head = seen.refs.branch(branch).ok_or_else(|| format!("there is no branch {branch}"))?;
    if session.git.has_commit(head) {
        return Ok(head);
    }
    Err(format!("commit {} is not in this clone", head.short()))
}

fn newest_commits(session: &Session, seen: &GitSeen) -> Seen<Vec<CommitSeen>> {
    match head(session, seen) {
        Ok(head) => commits::read(&session.git, head, &session.config.ledger.path)
            .map_or_else(|error| Seen::Unknown(said(error)), Seen::Known),
        Err(why) => Seen::Unknown(why),
    }
}

fn ledger(session: &Session, seen: &GitSeen) -> LedgerSeen {
    let (ledger, file) = git_look::ledger(&session.git, &session.config, &seen.refs, &seen.state);
    match file {
        LedgerFile::Missing => LedgerSeen::Missing,
        LedgerFile::Unreadable(why) => LedgerSeen::Unreadable(why),
        LedgerFile::Unknown(why) => LedgerSeen::Unknown(why),
        LedgerFile::Read { .. } => {
            let last_good = last_good_of(session, seen, &ledger);
            LedgerSeen::Read { ledger, last_good }
        }
    }
}

/// GitHub is not asked about what the ledger says: the question is whether anything counts at all.
fn last_good_of(session: &Session, seen: &GitSeen, ledger: &Ledger) -> Seen<Option<CommitSha>> {
    let head = match head(session, seen) {
        Ok(head) => head,
        Err(why) => return Seen::Unknown(why),
    };
    let query = good::GoodQuery {
        head,
        failed: None,
        branch: &session.config.branch,
        ledger_path: &session.config.ledger.path,
        state: &seen.state,
        now: session.now,
    };
    match good::search(&session.git, ledger, &query) {
        Ok(search) => Seen::Known(last_good::choose(&search).map(|good| good.commit.clone())),
        Err(error) => Seen::Unknown(said(error)),
    }
}

fn images_of(session: &Session, seen: &GitSeen, offline: bool) -> ImagesSeen {
    let nobody = || ImagesSeen { known: session.config.images.is_some(), ..ImagesSeen::default() };
    let asked = || -> anyhow::Result<ImagesSeen> {
        let stable = session.config.tags.stable.parse()?;
        let mut options = http::Options::default();
        options.retry.attempts = 2;
        options.retry.total = ANSWER;
        options.attempt_timeout = ANSWER;
        let registries = session.registries_with(options)?;
        block_on(async {
            let query = ImagesQuery {
                images: session.images(),
                stable: &stable,
                state: &seen.state,
                offline,
                deadline: Instant::now() + REGISTRIES,
            };
            Ok(images::look(&registries, &query).await)
        })
    };
    match asked() {
        Ok(found) => ImagesSeen { known: session.config.images.is_some(), ..found },
        Err(error) => {
            let why = said(error);
            let not_asked = |image: &crate::model::ImageRef| {
                (image.clone(), RegistryAnswer::Broken(why.clone()))
            };
            ImagesSeen { current: session.images().iter().map(not_asked).collect(), ..nobody() }
        }
    }
}

fn data(session: &Session, offline: bool) -> anyhow::Result<Option<DataSeen>> {
    let Some(data) = &session.config.data else { return Ok(None) };
    let query = DataQuery {
        data,
        git: &session.git,
        root: &session.root,
        environment: session.lookup(),
        offline,
    };
    block_on(async { Ok(Some(data_look(&query).await)) })
}

fn projections(session: &Session, seen: &GitSeen, offline: bool) -> ProjectionsSeen {
    projections_at(session, seen, offline).unwrap_or_else(|error| {
        let what = "pending projections".to_owned();
        let unknown = vec![Unchecked { what, why: said(error) }];
        ProjectionsSeen { pending: Vec::new(), unknown }
    })
}

/// Holds what the work tree declares against `HEAD`: the line may not be committed yet.
fn limit(session: &Session) -> Seen<DeclaredLimit> {
    let Some(head) = session.git.local_commit("HEAD") else {
        return Seen::Unknown("there is no commit yet".to_owned());
    };
    rollback_limit::declared(&session.git, &session.config, &head)
        .map_or_else(|error| Seen::Unknown(said(error)), Seen::Known)
}

fn served(session: &Session, seen: &GitSeen, offline: bool) -> Option<Seen<Served>> {
    session.config.served.as_ref()?;
    seen.state.newest()?;
    if offline {
        return Some(Seen::Unknown(OFFLINE.to_owned()));
    }
    served_look(session, &seen.state, offline).map(|seen| Seen::Known(seen.found))
}

/// Whether the token is the `GITHUB_TOKEN` of the run: those of Apps begin alike, but tidegate has
/// asked for them itself.
fn is_workflow_token(session: &Session) -> bool {
    let token = ["TIDEGATE_TOKEN", "GITHUB_TOKEN"].iter().find_map(|name| session.variable(name));
    session.run.is_some()
        && session.app_token.is_none()
        && token.is_some_and(|token| token.starts_with("ghs_"))
}

/// Why GitHub was not asked about a repository that it has.
const NO_TOKEN: &str = "there is no token: set GH_TOKEN, GITHUB_TOKEN or TIDEGATE_TOKEN";

fn github_of(session: &Session, has_stable: bool) -> Seen<GitHubSeen> {
    let query = GitHubQuery {
        config: &session.config,
        is_workflow_token: is_workflow_token(session),
        has_stable,
    };
    let asked = block_on(async {
        if session.github_repository()?.is_none() {
            return Ok(Seen::Unknown("the remote is not on GitHub".to_owned()));
        }
        Ok(match session.impatient_github()? {
            Some(github) => github::look(&github, &query).await,
            None => Seen::Unknown(NO_TOKEN.to_owned()),
        })
    });
    match asked {
        Ok(seen) => seen,
        Err(error) => Seen::Unknown(said(error)),
    }
}
