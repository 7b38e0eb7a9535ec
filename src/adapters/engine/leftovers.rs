//! What runs left behind that were killed.

use std::collections::{BTreeSet, HashMap};

use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
};

use super::{Engine, call, labels, remove};

/// Removes all parts of dead runs. What cannot be removed is left to the next run with a warning: it
/// is no reason not to probe.
pub(super) async fn sweep(engine: &Engine) {
    for run in dead_runs(engine).await {
        match remove::all_of(engine, &run).await {
            Ok(()) => tracing::info!("removed what the dead run {run} had left with the engine"),
            Err(error) => tracing::warn!("what the dead run {run} left: {error}"),
        }
    }
}

/// The runs that are over and of which something is left.
async fn dead_runs(engine: &Engine) -> BTreeSet<String> {
    let filters = HashMap::from([("label", vec![labels::RUN])]);
    let (mut found, mut alive) = (BTreeSet::new(), BTreeSet::new());
    let mut note = |labels: Option<HashMap<String, String>>| {
        let labels = labels.unwrap_or_default();
        match labels::dead_run(&labels) {
            Some(run) => found.insert(run.to_owned()),
            None => alive.insert(labels.get(labels::RUN).cloned().unwrap_or_default()),
        };
    };
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    match call::in_time(engine.docker.list_containers(Some(options))).await {
        Ok(containers) => containers.into_iter().for_each(|container| note(container.labels)),
        Err(error) => tracing::debug!("cannot list containers: {error}"),
    }
    let options = ListVolumesOptionsBuilder::new().filters(&filters).build();
    match call::in_time(engine.docker.list_volumes(Some(options))).await {
        Ok(list) => {
            list.volumes.into_iter().flatten().for_each(|volume| note(Some(volume.labels)));
        }
        Err(error) => tracing::debug!("cannot list volumes: {error}"),
    }
    let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
    match call::in_time(engine.docker.list_networks(Some(options))).await {
        Ok(networks) => networks.into_iter().for_each(|network| note(network.labels)),
        Err(error) => tracing::debug!("cannot list networks: {error}"),
    }
    // Containers have the labels of their images, too: one that was made of a part of a run, or that
    // claims its id, does not make that run a dead one.
    found.retain(|run| !alive.contains(run));
    found
}
