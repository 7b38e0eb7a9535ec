//! `data lifecycle`: prints a policy for a store. It asks nobody.

use super::Workspace;
use crate::cli::{DataLifecycle, Global, PolicyKind};
use crate::config::LayerConfig;
use crate::data::{Ageing, azure_policy, s3_policy};
use crate::exit::{Exit, Failed};
use crate::model::StoreUrl;
use crate::output::Output;

pub(super) fn run(
    global: &Global,
    args: &DataLifecycle,
    output: &mut Output,
) -> anyhow::Result<Exit> {
    let workspace = Workspace::open(global, None)?;
    let layers = chosen(&workspace, &args.layers)?;
    let prefix = match workspace.store_url()? {
        StoreUrl::S3 { prefix, .. } | StoreUrl::Gcs { prefix, .. } => prefix.as_str(),
        StoreUrl::Azure { .. } | StoreUrl::Folder { .. } => "",
    };
    let folder = |name: &str, layer: &LayerConfig| format!("{prefix}{}/", layer.container(name));
    let ageing: Vec<Ageing> = layers
        .into_iter()
        .map(|(name, layer)| {
            let lifecycle = layer.lifecycle.clone().unwrap_or_default();
            Ageing {
                layer: name.to_owned(),
                prefix: folder(name, layer),
                cool_days: lifecycle.cool_days,
                archive_days: lifecycle.archive_days,
            }
        })
        .collect();
    let policy = match args.emit {
        PolicyKind::Azure => azure_policy(&ageing),
        PolicyKind::S3 => {
            let database = workspace.data.database().filter(|_| args.layers.is_empty());
            let databases: Vec<(&str, String)> =
                database.into_iter().map(|(name, layer, _)| (name, folder(name, layer))).collect();
            s3_policy(&ageing, &databases)
        }
    };
    // It is what the store's own command reads: with --json too, and in nobody's envelope.
    output.text(&format!("{}\n", serde_json::to_string_pretty(&policy)?))?;
    Ok(Exit::Done)
}

fn chosen<'a>(
    workspace: &'a Workspace,
    names: &'a [String],
) -> anyhow::Result<Vec<(&'a str, &'a LayerConfig)>> {
    if names.is_empty() {
        let trees = || workspace.data.trees().map(|(name, layer, _)| (name, layer));
        let mut own: Vec<_> = trees().filter(|(_, layer)| layer.lifecycle.is_some()).collect();
        if own.is_empty() {
            own = trees().collect();
        }
        if own.is_empty() {
            return Err(Failed::new(Exit::Usage, "no layer is a folder of files").into());
        }
        return Ok(own);
    }
    let mut own = Vec::new();
    for name in names {
        let layer = workspace.layer(name)?;
        if layer.path.is_none() {
            let error = format!(
                "layer {name} is no folder of files; its versions are deleted by `tidegate data prune`"
            );
            return Err(Failed::new(Exit::Usage, error).into());
        }
        own.push((name.as_str(), layer));
    }
    Ok(own)
}
