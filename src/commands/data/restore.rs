//! `data restore`: lets an earlier version be served again.

use serde::Serialize;

use super::known;
use crate::apply::data::check_version;
use crate::cli::{DataRestore, Global, Place};
use crate::commands::by_hand;
use crate::commands::data_release;
use crate::commands::publish::{
    Database, Proof, Publication, Records, Renewal, Signed, prove, records, serve, sign,
};
use crate::commands::session::block_on;
use crate::data::{ChoiceError, KnownVersion, PublishedVersion, Serving, VersionChoice};
use crate::exit::{Exit, Failed};
use crate::model::DataVersion;
use crate::output::{Output, ago, at, good, size, strong};

#[derive(Serialize)]
struct Restored {
    container: String,
    version: DataVersion,
    served_before: Option<DataVersion>,
    /// Whether anything was changed.
    changed: bool,
    release: Option<u64>,
    signed_url: Option<Signed>,
    proof: Option<Proof>,
    warnings: Vec<String>,
}

pub(super) fn run(
    global: &Global,
    args: &DataRestore,
    output: &mut Output,
) -> anyhow::Result<Exit> {
    let reason = args.reason.as_deref().map(by_hand::reason).transpose()?;
    let override_reason = args.override_reason.as_deref().map(by_hand::reason).transpose()?;
    let workspace = super::open(global, &args.variables, output)?;
    data_release::refuse_event(&workspace)?;
    let database = Database::of(&workspace)?;
    let found = known::look(&database)?;
    let records = records(global, &workspace, output)?;
    let known = found.known(&records);
    let served = found.served.as_ref().map(|pointer| &pointer.version);
    let target = args.to.of(&known, served).map_err(|error| nothing(&error, &args.to, &known))?;
    let version = &target.published;
    // The newest release says what is live; its pointer may not have moved yet.
    let session = data_release::open(global, &Place::default(), output)?;
    let live = newest(&records);
    let is_served = served.is_some_and(|served| served.version == version.version)
        && (session.is_none() || live.is_some_and(|(live, _)| *live == version.version));
    if !is_served && !args.yes {
        question(&database, served, target, workspace.now, output)?;
        if !output.confirm("let this version be served?")? {
            output.line("nothing was changed")?;
            return Ok(Exit::Held);
        }
    }
    block_on(async { check_version(&database.container()?, version).await })?;
    let back = goes_back(target, live, served);
    let (checks, made) = (Vec::new(), workspace.now);
    let publication = Publication { version, checks, reason, made, back, override_reason };
    // Where it is served already, its release is completed: a run that was killed may have left it.
    let done = serve(&database, session.as_ref(), publication, output)?;
    expect_served(&database, version)?;
    let served_by = found.served.as_ref().filter(|_| is_served).and_then(|p| p.release);
    let done = (done.changed, done.release.or(served_by));
    let mut warnings = Vec::new();
    let (signed_url, proof) = block_on(async {
        let signed = sign(&database, Renewal::WhenNeeded, output, &mut warnings).await?;
        let proof = prove(&database, signed.as_ref(), version).await?;
        anyhow::Ok((signed, proof))
    })?;
    let restored = Restored {
        container: database.place.container_url(),
        version: version.version.clone(),
        served_before: served.map(|served| served.version.clone()),
        changed: done.0,
        release: done.1,
        signed_url,
        proof: Some(proof),
        warnings,
    };
    output.show("tidegate/data-restore/1", &restored, |output, restored| {
        let short = strong(version.short());
        if restored.changed {
            let release = restored.release.map(|n| format!(", release {n}")).unwrap_or_default();
            output.line(format!("{} {short}{release}", good("serving")))?;
        } else {
            output.line(format!("{short} is served already"))?;
        }
        if let Some(proof) = &restored.proof {
            output.line(format!("  proof  {}", proof.said()))?;
        }
        for warning in &restored.warnings {
            output.warning(warning)?;
        }
        Ok(())
    })?;
    Ok(Exit::Done)
}

/// Returns the version of the newest release that has data, and all releases that have served it.
fn newest(records: &Records) -> Option<(&DataVersion, &[Serving])> {
    let all = records.serving.iter().map(|(version, releases)| (version, releases.as_slice()));
    all.max_by_key(|(_, releases)| releases.last().map(|serving| serving.release))
}

/// Tells whether a version was live before the one that is live now. Holds and freezes stop the others,
/// as they stop every release of new data.
fn goes_back(
    target: &KnownVersion,
    live: Option<(&DataVersion, &[Serving])>,
    served: Option<&PublishedVersion>,
) -> bool {
    let first = |releases: &[Serving]| releases.first().map(|serving| serving.release);
    match live {
        Some((_, live)) => first(&target.releases).is_some_and(|own| Some(own) < first(live)),
        None => served.is_none_or(|served| target.published.created < served.created),
    }
}

/// A publication that runs beside this may have come last.
fn expect_served(database: &Database<'_>, version: &PublishedVersion) -> anyhow::Result<()> {
    let now = block_on(async { crate::observe::data::served(&database.container()?).await })?;
    if now.is_some_and(|(pointer, _)| pointer.version.version == version.version) {
        return Ok(());
    }
    let error = "another version was published at the same time, and is served";
    Err(Failed::new(Exit::LostRace, error)
        .with_hint("look at it with `tidegate data versions`, and run this again")
        .into())
}

fn question(
    database: &Database<'_>,
    served: Option<&PublishedVersion>,
    target: &KnownVersion,
    now: jiff::Timestamp,
    output: &mut Output,
) -> anyhow::Result<()> {
    let said = |version: &PublishedVersion| {
        let commit = version.commit.as_ref().map(|commit| format!(", commit {}", commit.short()));
        let (created, amount) = (ago(version.created, now), size(version.size));
        format!("{} ({created}, {amount}{})", version.short(), commit.unwrap_or_default())
    };
    output.note(format!("{} serves", database.place.container_url()))?;
    output.note(format!("  now   {}", served.map_or_else(|| "nothing".to_owned(), &said)))?;
    output.note(format!("  then  {}", said(&target.published)))?;
    Ok(())
}

fn nothing(error: &ChoiceError, wanted: &VersionChoice, known: &[KnownVersion]) -> Failed {
    let several = matches!(error, ChoiceError::Several(_));
    let said = match wanted {
        _ if several || known.is_empty() => error.to_string(),
        VersionChoice::Previous => "no other version was served before this one".to_owned(),
        VersionChoice::At(time) => format!("nothing was served yet at {}", at(*time)),
        VersionChoice::Digits(_) | VersionChoice::Digest(_) | VersionChoice::Release(_) => {
            error.to_string()
        }
    };
    let hint = if several {
        "give more digits, or `sha256:` and digits of the version itself".to_owned()
    } else if known.is_empty() {
        "nothing was published yet, or nothing that is whole".to_owned()
    } else {
        "`tidegate data versions --all` lists what there is".to_owned()
    };
    Failed::new(Exit::Usage, said).with_hint(hint)
}
