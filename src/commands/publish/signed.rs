//! The signed URL that apps read the database by.
//!
//! Where the store can, one signature covers the whole container: the app's secret is pasted once,
//! and stays right however often data is published. The URL names the copy of the served version, so
//! that any program can fetch it; `tidegate pull` finds `latest.json` beside it.
//!
//! It is never printed: it stands in the file of `signed_url.write_to`, and as a line for
//! `secrets.toml` in a file beside that, where git ignores both.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use url::Url;

use super::Database;
use crate::actions::commands::mask;
use crate::adapters::git::{Git, GitAuth};
use crate::adapters::store::{Container, Scope, SignedUrl, StoreError};
use crate::apply::data::hand_out;
use crate::config::SignedUrlConfig;
use crate::data::{Validity, container_url, is_kept, object_url, secret_parts, secrets_line};
use crate::exit::{Exit, OrFailed as _};
use crate::model::StoreUrl;
use crate::observe::data::UrlFile;
use crate::output::Output;
use crate::secret::{Redactor, Secret};

/// Whether a URL that is still good may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum Renewal {
    /// It stays for two thirds of its life.
    WhenNeeded,
    /// A new one is made: the store has refused the one that is there.
    Now,
}

/// What a signed URL reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::commands) enum Covers {
    /// The pointer, every version, and the copy.
    Container,
    /// The copy alone.
    File,
}

/// A signed URL that was handed out.
#[derive(Debug, Clone, Serialize)]
pub(in crate::commands) struct Signed {
    /// The file that holds it, from the root.
    pub(in crate::commands) file: String,
    /// The file with the line for `secrets.toml`, where it was written.
    pub(in crate::commands) secrets_file: Option<String>,
    /// When it runs out.
    pub(in crate::commands) expires: Option<Timestamp>,
    /// Whether it is another one than before: the app's secret has to be replaced.
    pub(in crate::commands) renewed: bool,
    /// Whether there was one in the file: a fresh runner does not know what was handed out before.
    #[serde(skip)]
    pub(in crate::commands) earlier: bool,
    /// What it reads.
    pub(in crate::commands) covers: Covers,
    /// What should be known, in a sentence each.
    pub(in crate::commands) notes: Vec<String>,
    /// The URL of the container where it covers that, else of the copy.
    #[serde(skip)]
    pub(in crate::commands) url: Secret,
}

/// Makes the signed URL of the configuration, or keeps the one that is there. `None` where none is
/// configured, or the store has none; a reason then stands in `notes`.
///
/// # Errors
/// [`Exit::Refused`] where git tracks the file; those of the store.
pub(in crate::commands) async fn sign(
    database: &Database<'_>,
    renewal: Renewal,
    output: &mut Output,
    notes: &mut Vec<String>,
) -> anyhow::Result<Option<Signed>> {
    let Some(config) = &database.config.signed_url else { return Ok(None) };
    let workspace = database.workspace;
    let git = Git::discover(&workspace.root, GitAuth::default(), Redactor::new()).ok();
    let file = UrlFile::look(git.as_ref(), &workspace.root, &config.write_to)?;
    let container = database.container()?;
    let valid = Duration::from_secs(u64::from(config.valid_days) * 86_400);
    let Some((fresh, covers)) = fresh(&container, database, valid, notes).await? else {
        return Ok(None);
    };
    let whole = address(&fresh)?;
    let own = match covers {
        Covers::Container => object_url(&whole, &database.place.file),
        Covers::File => Some(whole),
    };
    let own = own.context("the signed URL has no path")?;
    let life = fresh.expires.duration_since(workspace.now);
    let old = file.read().and_then(|old| Some((old.expose().parse::<Url>().ok()?, old)));
    let earlier = old.is_some();
    let kept = old.filter(|(url, _)| {
        renewal == Renewal::WhenNeeded && is_kept(url, &own, life, workspace.now)
    });
    let renewed = kept.is_none();
    let (url, text) = kept.unwrap_or_else(|| (own.clone(), Secret::new(own.as_str())));
    hide(database, &text, output)?;
    if renewed {
        hand_out(&workspace.root, &file.path, &Secret::new(format!("{}\n", text.expose())))?;
    }
    let secrets_file = write_line(config, git.as_ref(), database, &text)?;
    let mut notes = Vec::new();
    if !file.ignored {
        notes.push(format!("{} is not in .gitignore: add it, it is a secret", file.name));
    }
    if secrets_file.is_none() {
        notes.push(format!(
            "the line for secrets.toml was not written: add {} to .gitignore first",
            line_file(config)
        ));
    }
    if let Some(why) = fresh.shortened.filter(|_| renewed) {
        notes.push(why);
    }
    let read = match covers {
        Covers::Container => container_url(&url).map(|url| Secret::new(url.as_str())),
        Covers::File => None,
    };
    Ok(Some(Signed {
        file: file.name,
        secrets_file,
        expires: Validity::of(&url).until.or(renewed.then_some(fresh.expires)),
        renewed,
        earlier,
        covers,
        notes,
        url: read.unwrap_or(text),
    }))
}

/// Returns when the URL that was handed out runs out, `None` where it does not say so; or why nobody can
/// tell.
///
/// # Errors
/// A fragment that says it, without the URL.
pub(in crate::commands) fn expiry(
    database: &Database<'_>,
    config: &SignedUrlConfig,
) -> Result<Option<Timestamp>, String> {
    let root = &database.workspace.root;
    let git = Git::discover(root, GitAuth::default(), Redactor::new()).ok();
    let file = UrlFile::look(git.as_ref(), root, &config.write_to);
    let file = file.map_err(|error| error.to_string())?;
    if file.path.symlink_metadata().is_err() {
        return Err("there is no such file; `tidegate sync` writes it".to_owned());
    }
    let url = file.read().and_then(|text| text.expose().parse().ok());
    let url = url.ok_or("it holds no URL; `tidegate sync` writes it anew")?;
    Ok(Validity::of(&url).until)
}

/// Signs: the container where the store can, else the copy.
async fn fresh(
    container: &Container,
    database: &Database<'_>,
    valid: Duration,
    notes: &mut Vec<String>,
) -> anyhow::Result<Option<(SignedUrl, Covers)>> {
    if let StoreUrl::Folder { .. } = database.place.store {
        notes.push("there is no signed URL: a folder is read by its path".to_owned());
        return Ok(None);
    }
    match container.sign(&Scope::Container, valid).await {
        Ok(signed) => return Ok(Some((signed, Covers::Container))),
        Err(StoreError::Unsupported { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let scope = Scope::Object(database.place.file.clone());
    match container.sign(&scope, valid).await {
        Ok(signed) => {
            let left = signed.expires.duration_since(database.workspace.now);
            let days = (left + SignedDuration::from_hours(1)).as_hours() / 24;
            notes.push(format!(
                "the signed URL reads {} alone, because this store signs for one object at a time; it has to be renewed and pasted again within {days} days",
                database.place.file
            ));
            Ok(Some((signed, Covers::File)))
        }
        Err(StoreError::Unsupported { problem, .. }) => {
            notes.push(format!("there is no signed URL: {problem}"));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn address(signed: &SignedUrl) -> anyhow::Result<Url> {
    // The error of the parser would show the text.
    signed.url.expose().parse().ok().context("the store has signed what is no URL")
}

/// Tells the runner what to hide before anything else is printed.
fn hide(database: &Database<'_>, url: &Secret, output: &mut Output) -> anyhow::Result<()> {
    if database.workspace.run.is_none() {
        return Ok(());
    }
    let mut commands = Vec::new();
    for part in secret_parts(url.expose()) {
        mask(&mut commands, &part)?;
    }
    Ok(output.commands(&String::from_utf8_lossy(&commands))?)
}

/// Writes the line for `secrets.toml`, where nobody commits it by accident.
fn write_line(
    config: &SignedUrlConfig,
    git: Option<&Git>,
    database: &Database<'_>,
    url: &Secret,
) -> anyhow::Result<Option<String>> {
    let name = line_file(config);
    let file = UrlFile::look(git, &database.workspace.root, &name)?;
    if !file.ignored {
        return Ok(None);
    }
    let line = secrets_line(&config.secret, url.expose());
    let root = &database.workspace.root;
    hand_out(root, &file.path, &Secret::new(line)).or_exit(Exit::BadInput)?;
    Ok(Some(name))
}

/// `azure_analytics_url.txt` and `azure_analytics_url.toml`.
fn line_file(config: &SignedUrlConfig) -> String {
    Path::new(&config.write_to).with_extension("toml").to_string_lossy().into_owned()
}
