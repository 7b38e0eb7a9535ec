//! Which service runs which image of the release set.
//!
//! 1. `compose.services` of the configuration says it.
//! 2. `image:` of the service has the name of an image of the release set.
//! 3. One service that is built and one image are left.

use std::collections::BTreeMap;

use super::service::Draft;
use super::wrong::Wrong;
use super::{ComposeQuery, Warning};
use crate::model::ImageRef;

/// Returns the image of the release set for each service that is a candidate.
pub(super) fn assign(
    drafts: &BTreeMap<String, Draft>,
    query: &ComposeQuery<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<BTreeMap<String, ImageRef>, Wrong> {
    let mut assigned: BTreeMap<String, ImageRef> = BTreeMap::new();
    for (service, image) in &query.config.services {
        if !query.candidates.contains_key(image) {
            let problem =
                format!("`compose.services` names {image}, which is not in the release set");
            let hint = "name an image of `images:` of the configuration";
            return Err(Wrong::file(problem).hint(hint));
        }
        if drafts.contains_key(service) {
            assigned.insert(service.clone(), image.clone());
        } else {
            let problem = format!("`compose.services` names `{service}`, which is not started");
            let hint = "name a service of the file, and its profile in `compose.profiles`";
            return Err(Wrong::file(problem).hint(hint));
        }
    }
    for (name, draft) in drafts {
        if assigned.contains_key(name) {
            continue;
        }
        let written = draft.image.as_deref().map(without_tag);
        let named =
            query.candidates.keys().find(|image| Some(image.to_string().as_str()) == written);
        if let Some(image) = named {
            assigned.insert(name.clone(), image.clone());
        }
    }
    let mut images =
        query.candidates.keys().filter(|image| !assigned.values().any(|taken| taken == *image));
    let mut built = drafts
        .values()
        .filter(|draft| draft.build.is_some() && !assigned.contains_key(&draft.name));
    if let Some(draft) = built.next() {
        match (images.next(), images.next(), built.next()) {
            (Some(image), None, None) => {
                assigned.insert(draft.name.clone(), image.clone());
            }
            (left, _, _) => return Err(unclear(draft, left)),
        }
    }
    for image in query.candidates.keys() {
        if !assigned.values().any(|started| started == image) {
            let text =
                format!("starts no service of {image}: that image is promoted without a probe");
            warnings.push(Warning::general("services", text));
        }
    }
    Ok(assigned)
}

fn unclear(draft: &Draft, left: Option<&ImageRef>) -> Wrong {
    let name = &draft.name;
    let problem = format!(
        "service `{name}` is built, and it is not clear which image of the release set it runs"
    );
    let example = left.map_or_else(|| "<image of the release set>".to_owned(), ToString::to_string);
    let hint =
        format!("write `compose: {{ services: {{ {name}: {example} }} }}` in the configuration");
    Wrong::at(&draft.node.way, problem).hint(hint)
}

/// Returns the name of an image without its tag and its digest.
fn without_tag(image: &str) -> &str {
    let image = image.split_once('@').map_or(image, |(name, _)| name);
    let last = image.rfind('/').map_or(0, |slash| slash + 1);
    image[last..].find(':').map_or(image, |colon| &image[..last + colon])
}
