//! The store answers, takes the login, has what was published, and is the one of the last release.

use super::{Answer, Checkup, ContainerSeen, Finding, Severity, StoreAnswer};
use crate::config::DataConfig;
use crate::data::DataPlace;

pub(super) fn check(checkup: &Checkup, answer: &mut Answer) {
    let Some(seen) = &checkup.data else { return answer.not_needed() };
    if let Some(why) = &seen.engine {
        answer.find(Finding::new(
            // In a workflow it is another job that makes the data.
            if checkup.in_actions { Severity::Note } else { Severity::Warning },
            "duckdb-missing",
            why,
            "here no database can be copied, checked or published",
            "put the duckdb command on PATH of whatever runs `tidegate sync`, or name it in `data.duckdb.command`",
        ));
    }
    let released = released(checkup);
    for container in &seen.containers {
        let has_release = released.is_some_and(|place| place.container_url() == container.place);
        let layer = released_layer(checkup).filter(|_| has_release);
        judge(checkup, container, layer, answer);
    }
    if let (Some(old), Some(new)) =
        (released, checkup.config.data.as_ref().and_then(DataConfig::place))
    {
        let changed = changed(old, &new);
        if !changed.is_empty() {
            let finding = Finding::new(
                Severity::Warning,
                "store-differs",
                format!("the newest release serves its data elsewhere: {}", changed.join("; ")),
                "the next publication goes to the new place, and apps go on reading the old one; a rollback points back there, with the credentials of that place",
                "where you have moved: give the apps the new URL, and keep the old place until no release that you may go back to needs it; else correct `data`",
            );
            answer.find(finding.at(&checkup.file.path, None));
        }
    }
}

/// Where the newest release serves its data.
fn released(checkup: &Checkup) -> Option<&DataPlace> {
    let state = checkup.state.as_ref().ok()?;
    Some(&state.newest()?.data.as_ref()?.place)
}

/// The layer of the published database.
fn released_layer(checkup: &Checkup) -> Option<&str> {
    checkup.config.data.as_ref()?.database().map(|(layer, ..)| layer)
}

/// Names what differs between two places.
fn changed(old: &DataPlace, new: &DataPlace) -> Vec<String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "the usual one".to_owned());
    let all = [
        ("store", old.store.to_string(), new.store.to_string()),
        ("endpoint", text(&old.endpoint), text(&new.endpoint)),
        ("region", text(&old.region), text(&new.region)),
        ("container", old.container.clone(), new.container.clone()),
        ("file", old.file.clone(), new.file.clone()),
    ];
    let differs = all.into_iter().filter(|(_, old, new)| old != new);
    differs
        .map(|(what, old, new)| format!("{what} {old}, and the configuration says {new}"))
        .collect()
}

fn judge(checkup: &Checkup, container: &ContainerSeen, layer: Option<&str>, answer: &mut Answer) {
    let place = &container.place;
    let by_gate = if checkup.in_actions { Severity::Error } else { Severity::Warning };
    let finding = match &container.answer {
        StoreAnswer::Well => return,
        StoreAnswer::NotAsked(why) => return answer.cannot(place, why),
        StoreAnswer::Missing => missing(place, layer),
        StoreAnswer::PointerUnreadable { why, mend } => Finding::new(
            Severity::Error,
            "pointer-unreadable",
            why,
            "apps cannot tell which version is served, and nothing can be published or taken back",
            mend,
        ),
        StoreAnswer::Denied(why) => Finding::new(
            by_gate,
            "store-denied",
            why,
            "with this login no data can be published or taken back",
            "see the variables and permissions in https://github.com/tidegate/tidegate/blob/main/docs/how-to/data-azure.md or data-s3.md",
        ),
        StoreAnswer::Unreachable(why) => Finding::new(
            Severity::Warning,
            "store-unreachable",
            why,
            "while it does not answer, gates with data hold, and no data can be taken back",
            "try again; if it stays, see `data.store` and `data.endpoint`, and the network",
        ),
    };
    answer.find(finding);
}

/// `layer`: that of the container, where the newest release serves its data from it.
fn missing(place: &str, layer: Option<&str>) -> Finding {
    match layer {
        Some(layer) => Finding::new(
            Severity::Error,
            "container-missing",
            format!("{place} is not there, and the newest release serves its data from it"),
            "apps get no data, and no release can go back to its data",
            format!(
                "bring the container back (on Azure, containers that were deleted lately can be restored), or publish its data again: `tidegate sync --layer {layer}`"
            ),
        ),
        None => Finding::new(
            Severity::Note,
            "container-missing",
            format!("{place} is not there yet"),
            "nothing: the first `tidegate sync` makes it, where the login may",
            "let `tidegate sync` run, or make it by hand where the login may not",
        ),
    }
}
