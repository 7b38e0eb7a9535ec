//! `promote`: a person makes a candidate stable.
//!
//! What the tests said is the person's business here. What is not: the images have to be complete
//! and made from the commit, the commit has to be on the protected branch, holds and freezes stop,
//! the probes have to pass unless `--without-probes` says why they do not count, which is recorded,
//! and an older release comes over a newer one only by `--override`, which is recorded.

use serde::Serialize;

use super::announce;
use super::by_hand::{self, Reach};
use super::gate::{applier, complete_newest};
use super::report::{details_of_probes, show_completion};
use super::session::{Session, block_on};
use super::situation::{Making, Probing, by_tag};
use crate::adapters::image_cache::ImageCache;
use crate::adapters::registry::{Reference, Registries};
use crate::adapters::state_branch::Observed;
use crate::apply::{Completion, Ended};
use crate::cli::{Global, Promote};
use crate::exit::{Exit, Failed, OrFailed as _};
use crate::model::{CommitSha, Digest, ImageRef, Tag};
use crate::observe::freeze;
use crate::observe::release::{self, ReleaseQuery};
use crate::observe::world::World;
use crate::output::{Output, Progress, clean, good, strong};
use crate::plan::{self, Facts, Promotion};
use crate::policy::{self, ByHand};
use crate::state::{NoticeEvent, Record};

mod data;

#[derive(Serialize)]
struct Promoted {
    commit: String,
    release: u64,
    /// `false` where it was live already.
    changed: bool,
    completion: Completion,
}

pub(super) fn run(global: &Global, args: &Promote, output: &mut Output) -> anyhow::Result<Exit> {
    let mut session = by_hand::open(global, &args.place, Reach::Remote, output)?;
    let promoted = block_on(promote(&mut session, args, output))?;
    let Some((promoted, observed)) = promoted else { return Ok(Exit::Held) };
    announce::deliver_and_say(&session, Some(announce::Done::nothing(observed)), output)?;
    output.show("tidegate/promote/1", &promoted, |output, promoted| {
        let commit = &promoted.commit[..7];
        let (what, already) =
            if promoted.changed { ("promoted", "") } else { ("nothing to do:", " already") };
        output.line(format!(
            "{} {commit} is live as release {}{already}",
            good(what),
            promoted.release
        ))?;
        show_completion(output, &promoted.completion)
    })?;
    Ok(promoted.completion.pending.first().map_or(Exit::Done, |pending| pending.exit))
}

async fn promote(
    session: &mut Session,
    args: &Promote,
    output: &mut Output,
) -> anyhow::Result<Option<(Promoted, Observed)>> {
    let clients = session.clients()?;
    let registries = &clients.registries;
    let progress = output.progress("looking at the remote");
    let completion = complete_newest(session, &clients, &|step| progress.say(step)).await?;
    let world = World::fetch(&session.git, &session.config)?;
    let commit = candidate(session, registries, args).await?;
    session.config = session.config_at(&commit)?;
    let digests = digests(session, registries, args, &commit).await?;
    if let Some(live) = world.state.state.newest().filter(|live| is_live(live, &commit, &digests))
        && args.override_reason.is_none()
    {
        if let Some(version) = &args.data_version
            && live.data.as_ref().is_none_or(|data| data.version.version != *version)
        {
            drop(progress);
            return Box::pin(data::alone(session, args, version, &commit, output)).await;
        }
        let (commit, release) = (commit.to_string(), live.number);
        let promoted = Promoted { commit, release, changed: false, completion };
        return Ok(Some((promoted, world.state)));
    }
    completion.refuse_over_pending_data()?;
    let (promotion, images) =
        self::promotion(session, registries, args, &world, &commit, &digests).await?;
    let promotion = probed(session, registries, args, promotion, &progress, output).await?;
    let say = |step: &str| progress.say(step);
    let line = |text: &str| progress.line(text);
    let mut making = Making::new(&say, &line);
    let promotion = data::published(session, &mut making, args, promotion, &world, output).await?;
    let overridden = args.override_reason.iter().map(|why| format!("override: {why}"));
    let waived = promotion.probes_waived.iter().map(|why| format!("without probes: {why}"));
    let facts = Facts {
        by_hand: true,
        reasons: overridden.chain(waived).collect(),
        ..session.facts(NoticeEvent::Promotion, &commit, clients.github.is_some())
    };
    let mut steps = plan::promotion(promotion, &world.state.state, &session.config)?;
    plan::announce(&mut steps, facts, &world.state.state, &session.config);
    let checked = making.finish();
    drop(progress);
    output.note(format!("{} {}", strong("promote"), commit.short()))?;
    for (number, step) in (1..).zip(&steps) {
        output.note(format!("  {number}. {}", clean(&step.to_string())))?;
    }
    if !args.yes && !output.confirm("Go on?")? {
        return Ok(None);
    }
    let progress = output.progress("promoting");
    let say = |step: &str| progress.say(step);
    let mut apply = applier(session, &clients, &say);
    apply.images = images;
    apply.snapshots.clone_from(&checked.snapshots);
    match apply.apply(&steps, &world.state).await? {
        Ended::Done(applied) => {
            let promoted = Promoted {
                commit: commit.to_string(),
                release: applied.record.map_or(0, |record| record.number),
                changed: true,
                completion: applied.completion,
            };
            Ok(Some((promoted, applied.observed)))
        }
        Ended::Moved { what } => Err(Failed::new(
            Exit::StalePlan,
            format!("{what} has moved meanwhile; nothing was changed"),
        )
        .with_hint("look at `tidegate status`, then run it again")
        .into()),
    }
}

/// Finds the commit: a revision of this clone, or the one that a tag's image was made from.
async fn candidate(
    session: &Session,
    registries: &Registries,
    args: &Promote,
) -> anyhow::Result<CommitSha> {
    let given = args.candidate.as_deref().unwrap_or("HEAD");
    if let Some(commit) = session.git.local_commit(given) {
        return Ok(session.git.effective_head(&commit, &session.config.ledger.path)?);
    }
    if let (Ok(tag), Some(image)) = (given.parse::<Tag>(), session.images().first())
        && let Some(manifest) = registries.manifest(image, &Reference::Tag(tag)).await?
    {
        let revisions = registries.inspect(image, &manifest).await?.revisions;
        let mut commits = revisions.iter().filter_map(|revision| revision.parse().ok());
        if let (Some(commit), None) = (commits.next(), commits.next()) {
            return Ok(commit);
        }
        return Err(Failed::new(
            Exit::BadInput,
            format!("{image}:{given} does not say which commit it was made from"),
        )
        .with_hint(
            "label images with org.opencontainers.image.revision, or name the commit and --digest",
        )
        .into());
    }
    session.resolve(given)
}

/// Tells whether this is what users get already: the commit, with its images as far as anybody
/// names them. Another image of the same commit is another release.
fn is_live(live: &Record, commit: &CommitSha, digests: &[(ImageRef, Option<Digest>)]) -> bool {
    live.commit == *commit
        && digests.iter().all(|(image, digest)| {
            let own = live.images.iter().find(|own| own.image == *image);
            own.is_some_and(|own| digest.as_ref().is_none_or(|digest| own.digest == *digest))
        })
}

/// Runs the probes of the candidate, or notes why a person does without them.
async fn probed(
    session: &Session,
    registries: &Registries,
    args: &Promote,
    mut promotion: Promotion,
    progress: &Progress,
    output: &mut Output,
) -> anyhow::Result<Promotion> {
    if !session.config.has_probes() {
        return Ok(promotion);
    }
    if let Some(why) = &args.without_probes {
        let why = clean(why.trim()).into_owned();
        if why.is_empty() {
            let error = "--without-probes: expected a reason, found none; nothing was changed";
            return Err(Failed::new(Exit::Usage, error)
                .with_hint("say why the probes do not count: it stands in the record")
                .into());
        }
        promotion.checks = vec![format!("promoted by hand, without probes: {why}")];
        promotion.probes_waived = Some(why);
        return Ok(promotion);
    }
    let images = promotion.images.iter().map(|(image, digest, _)| (image.clone(), digest.clone()));
    let say = |step: &str| progress.say(step);
    let mut probing = Probing::new(&say);
    let found = probing.run(session, registries, &promotion.commit, images.collect()).await?;
    for warning in &found.warnings {
        output.warning(warning)?;
    }
    let unfit = policy::unfit_probes(&found.probes, &session.config);
    if unfit.is_empty() {
        promotion.checks.extend(found.probes.in_words());
        return Ok(promotion);
    }
    for said in details_of_probes(found.probes.results()) {
        output.note(said)?;
    }
    let why: Vec<String> = unfit.iter().map(ToString::to_string).collect();
    Err(Failed::new(Exit::Held, format!("not promoted: {}", why.join("; ")))
        .with_hint("mend it and promote the new commit; `--without-probes <REASON>` waives them")
        .into())
}

/// Finds out what is to be promoted, and whether it may be.
async fn promotion(
    session: &Session,
    registries: &Registries,
    args: &Promote,
    world: &World,
    commit: &CommitSha,
    digests: &[(ImageRef, Option<Digest>)],
) -> anyhow::Result<(Promotion, ImageCache)> {
    let head = world.head(&session.config)?;
    let tree = session.git.commit(commit)?.tree;
    let state = &world.state.state;
    let mut images = ImageCache::default();
    let query = ReleaseQuery { tested: commit, tree: &tree, head, images: digests, state };
    let found =
        release::observe(&session.git, registries, &session.config, &query, &mut images).await?;
    let by_hand = ByHand {
        commit,
        release: &found,
        state,
        freezes: &freeze::open_windows(&session.config.freeze, session.now)?,
        now: session.now,
        overridden: args.override_reason.is_some(),
    };
    let stops = policy::by_hand(&by_hand);
    if !stops.is_empty() {
        let why: Vec<String> = stops.iter().map(ToString::to_string).collect();
        return Err(Failed::new(Exit::Held, format!("not promoted: {}", why.join("; ")))
            .with_hint(policy::by_hand_hint(&stops))
            .into());
    }
    let promotion = Promotion {
        commit: commit.clone(),
        tree,
        images: found
            .images
            .into_iter()
            .filter_map(|image| Some((image.image, image.digest?, image.stable)))
            .collect(),
        data: None,
        metrics: std::collections::BTreeMap::new(),
        checks: vec!["promoted by hand".to_owned()],
        flaky: Vec::new(),
        probes_waived: None,
        run: session.identity(),
        run_url: session.run.as_ref().and_then(crate::actions::Run::url),
        now: session.now,
        by: session.actor(),
        reason: Some("promoted by hand".to_owned()),
        override_reason: args.override_reason.clone(),
    };
    Ok((promotion, images))
}

/// Finds the digests: as given, else those of the commit's last release, else by tag.
async fn digests(
    session: &Session,
    registries: &Registries,
    args: &Promote,
    commit: &CommitSha,
) -> anyhow::Result<Vec<(ImageRef, Option<Digest>)>> {
    let images = session.release_set()?;
    if args.digest.is_some() && images.len() != 1 {
        return Err(anyhow::anyhow!("one digest was given for {} images", images.len()))
            .or_exit(Exit::Usage)
            .or_hint("name each image: --digests '{\"<image>\": \"sha256:...\"}'");
    }
    let mut found = Vec::new();
    for image in images {
        let given = args.digest.clone().or_else(|| args.digests.as_ref()?.0.get(image).cloned());
        let digest = match given {
            Some(digest) => Some(digest),
            None => by_tag(&session.config, registries, image, commit).await?,
        };
        found.push((image.clone(), digest));
    }
    Ok(found)
}
