//! Removes all that carries the label of a run.
//!
//! It asks the engine what there is instead of remembering what was made: a call that was cut off may
//! have made something all the same.

use std::collections::HashMap;
use std::time::Duration;

use bollard::errors::Error;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveVolumeOptionsBuilder,
};
use futures_util::future::join_all;

use super::{Engine, EngineError, call, labels};

/// How often it looks whether all is gone.
const ROUNDS: u32 = 5;

/// Containers first, since they use the volumes and the network.
pub(super) async fn all_of(engine: &Engine, run: &str) -> Result<(), EngineError> {
    let mut left = Vec::new();
    let mut reason = String::new();
    for round in 0..ROUNDS {
        tokio::time::sleep(Duration::from_millis(100) * round).await;
        match one_round(engine, run).await {
            Ok(failed) if failed.is_empty() => {
                // Something may have been made while it was removing.
                if is_empty(engine, run).await.unwrap_or(true) {
                    return Ok(());
                }
            }
            Ok(failed) => {
                reason = failed.last().map(|(_, why)| why.clone()).unwrap_or_default();
                left = failed.into_iter().map(|(what, _)| what).collect();
            }
            Err(error) => {
                reason = call::words(&error, &engine.redactor);
                left = vec![format!("what is labelled {}={run}", labels::RUN)];
            }
        }
    }
    if left.is_empty() { Ok(()) } else { Err(EngineError::Left { left, reason }) }
}

/// Returns what could not be removed, and why.
async fn one_round(engine: &Engine, run: &str) -> Result<Vec<(String, String)>, Error> {
    let docker = &engine.docker;
    let mut failed = Vec::new();
    let mut note = |what: String, removed: Result<(), Error>| match removed {
        Ok(()) => {}
        Err(error) if call::status(&error) == Some(404) => {}
        // Another removal of it is under way: the next round sees how that ended.
        Err(error) => failed.push((what, call::words(&error, &engine.redactor))),
    };

    let containers = containers(engine, run).await?;
    let removals = containers.iter().map(|id| {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        call::in_time(docker.remove_container(id, Some(options)))
    });
    for (id, removed) in containers.iter().zip(join_all(removals).await) {
        note(format!("container {}", id.get(..12).unwrap_or(id)), removed);
    }
    for name in volumes(engine, run).await? {
        let options = RemoveVolumeOptionsBuilder::new().force(true).build();
        let removed = call::in_time(docker.remove_volume(&name, Some(options))).await;
        note(format!("volume {name}"), removed);
    }
    for name in networks(engine, run).await? {
        note(format!("network {name}"), call::in_time(docker.remove_network(&name)).await);
    }
    Ok(failed)
}

async fn is_empty(engine: &Engine, run: &str) -> Result<bool, Error> {
    Ok(containers(engine, run).await?.is_empty()
        && volumes(engine, run).await?.is_empty()
        && networks(engine, run).await?.is_empty())
}

fn filters(run: &str) -> HashMap<&'static str, Vec<String>> {
    HashMap::from([("label", vec![format!("{}={run}", labels::RUN)])])
}

async fn containers(engine: &Engine, run: &str) -> Result<Vec<String>, Error> {
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters(run)).build();
    let list = call::in_time(engine.docker.list_containers(Some(options))).await?;
    Ok(list.into_iter().filter_map(|container| container.id).collect())
}

async fn volumes(engine: &Engine, run: &str) -> Result<Vec<String>, Error> {
    let options = ListVolumesOptionsBuilder::new().filters(&filters(run)).build();
    let list = call::in_time(engine.docker.list_volumes(Some(options))).await?;
    Ok(list.volumes.into_iter().flatten().map(|volume| volume.name).collect())
}

async fn networks(engine: &Engine, run: &str) -> Result<Vec<String>, Error> {
    let options = ListNetworksOptionsBuilder::new().filters(&filters(run)).build();
    let list = call::in_time(engine.docker.list_networks(Some(options))).await?;
    Ok(list.into_iter().filter_map(|network| network.name).collect())
}
