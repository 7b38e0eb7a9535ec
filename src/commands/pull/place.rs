//! Where the database comes from, and where it goes.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::adapters::data_source::{MAX_URL, Source};
use crate::cli::{self, Global};
use crate::commands::workspace::{self, Lookup, Workspace};
use crate::config::SignedUrlConfig;
use crate::exit::{Exit, Failed, OrFailed as _};
use crate::http;
use crate::model::StoreUrl;
use crate::secret::Secret;

/// What a pull is about.
pub(super) struct Place {
    pub(super) source: Source,
    pub(super) target: PathBuf,
    /// The URL, where there is one: what no log may show.
    pub(super) url: Option<Secret>,
    /// Whether this is a run of GitHub Actions.
    pub(super) in_actions: bool,
}

pub(super) fn find(global: &Global, args: &cli::Pull) -> anyhow::Result<Place> {
    let folder = global.directory.clone().unwrap_or_default();
    let lookup = workspace::lookup(global, &folder, args.env_file.as_deref())?;
    let given = given_url(args, &folder, &lookup)?;
    // An app that says both needs no configuration, and no sound one.
    let workspace = match (&given, &args.to) {
        (Some(_), Some(_)) => None,
        (_, _) => Workspace::find(global, args.env_file.as_deref())?.ok(),
    };
    let url = match given {
        Some(url) => Some(url),
        None => usual_url(workspace.as_ref(), &folder, &lookup)?,
    };
    let client = http::Client::new(http::Options::default());
    let source = match &url {
        Some(url) => Source::at_url(url, client)?,
        None => configured(workspace.as_ref())?,
    };
    let target = target(args, &folder, workspace.as_ref(), &source)?;
    let in_actions = lookup("GITHUB_ACTIONS").is_some_and(|value| value == "true");
    Ok(Place { source, target, url, in_actions })
}

/// The URL that an option names.
fn given_url(args: &cli::Pull, folder: &Path, lookup: &Lookup) -> anyhow::Result<Option<Secret>> {
    if let Some(name) = &args.url_env {
        let missing = || Failed::new(Exit::Usage, format!("the variable {name} is not set"));
        return Ok(Some(Secret::new(lookup(name).ok_or_else(missing)?)));
    }
    let Some(path) = &args.url_file else { return Ok(None) };
    let path = folder.join(path);
    let empty = || Failed::new(Exit::Usage, format!("{} holds no URL", path.display()));
    Ok(Some(first_line(&path)?.ok_or_else(empty)?))
}

/// The URL where it is without an option: in the variable of the app's secret, else in the file that
/// the publication has written.
fn usual_url(
    workspace: Option<&Workspace>,
    folder: &Path,
    lookup: &Lookup,
) -> anyhow::Result<Option<Secret>> {
    let database = workspace.and_then(|workspace| workspace.data.database());
    let signed = database.and_then(|(_, layer, _)| layer.signed_url.clone());
    let SignedUrlConfig { secret, write_to, .. } = signed.unwrap_or_default();
    if let Some(url) = lookup(&secret) {
        return Ok(Some(Secret::new(url)));
    }
    let file = workspace.map_or(folder, |workspace| &workspace.root).join(write_to);
    if file.is_file() { first_line(&file) } else { Ok(None) }
}

/// Reads the first line of a file that says anything.
fn first_line(path: &Path) -> anyhow::Result<Option<Secret>> {
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(2 * MAX_URL as u64).read_to_string(&mut text))
        .map_err(|error| {
            Failed::new(Exit::Usage, format!("cannot read {}: {error}", path.display()))
        })?;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(line.map(Secret::new))
}

/// The container of the configuration.
fn configured(workspace: Option<&Workspace>) -> anyhow::Result<Source> {
    let database = workspace.and_then(|workspace| Some((workspace, workspace.data.database()?)));
    let Some((workspace, (name, layer, _))) = database else {
        let error = "nobody says where the data is";
        return Err(Failed::new(Exit::Usage, error)
            .with_hint(format!(
                "set {} to the signed URL, name another variable with --url-env or a file with --url-file, or add `data` to the configuration",
                SignedUrlConfig::default().secret
            ))
            .into());
    };
    match workspace.store_url()? {
        // Nothing is made in it.
        StoreUrl::Folder { path } => {
            Ok(Source::in_folder(Path::new(path).join(layer.container(name))))
        }
        StoreUrl::Azure { .. } | StoreUrl::S3 { .. } | StoreUrl::Gcs { .. } => {
            let container = workspace.container(name, layer).or_hint(
                "an app needs no credentials of the store: set the signed URL that `tidegate sync` writes",
            )?;
            Ok(Source::in_store(container))
        }
    }
}

fn target(
    args: &cli::Pull,
    folder: &Path,
    workspace: Option<&Workspace>,
    source: &Source,
) -> anyhow::Result<PathBuf> {
    if let Some(to) = &args.to {
        return Ok(folder.join(to));
    }
    if let Some(workspace) = workspace
        && let Some((_, _, file)) = workspace.data.database()
    {
        return Ok(workspace.root.join(file));
    }
    match source.file_name() {
        Some(name) => Ok(folder.join("data").join(name)),
        None => Err(Failed::new(Exit::Usage, "nobody says where the database goes")
            .with_hint("name the file with --to")
            .into()),
    }
}
