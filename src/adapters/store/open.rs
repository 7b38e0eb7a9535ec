//! Opens containers of each kind of store.

use std::sync::Arc;
use std::time::Duration;

use object_store::local::LocalFileSystem;
use url::Url;

use super::{Container, Options, Scope, SignedUrl, StoreError};
use crate::model::StoreUrl;

pub(super) fn container(
    url: &StoreUrl,
    name: &str,
    _options: &Options,
) -> Result<Container, StoreError> {
    match url {
        StoreUrl::Folder { path } => {
            let folder = std::path::Path::new(path).join(name);
            let place = folder.display().to_string();
            std::fs::create_dir_all(&folder)
                .map_err(|source| StoreError::File { path: folder.clone(), source })?;
            let objects = LocalFileSystem::new_with_prefix(&folder)
                .map_err(|error| StoreError::of(place, error))?;
            Ok(Container {
                store: url.clone(),
                name: name.to_owned(),
                prefix: String::new(),
                objects: Arc::new(objects),
            })
        }
        StoreUrl::Azure { .. } | StoreUrl::S3 { .. } | StoreUrl::Gcs { .. } => {
            Err(StoreError::Unsupported {
                place: url.to_string(),
                problem: "only folders can be opened yet".to_owned(),
            })
        }
    }
}

#[expect(clippy::unused_async, reason = "the other stores are asked over the network")]
pub(super) async fn create_if_missing(_container: &Container) -> Result<bool, StoreError> {
    Ok(false)
}

#[expect(clippy::unused_async, reason = "delegation keys are asked for over the network")]
pub(super) async fn sign(
    container: &Container,
    _scope: &Scope,
    _valid: Duration,
) -> Result<SignedUrl, StoreError> {
    Err(StoreError::Unsupported {
        place: container.place(),
        problem: "it has no signed URLs".to_owned(),
    })
}

pub(super) fn url(container: &Container, path: &str) -> Result<Url, StoreError> {
    let wrong = || StoreError::Path { path: path.to_owned() };
    match &container.store {
        StoreUrl::Folder { path: folder } => {
            let file = std::path::Path::new(folder).join(&container.name).join(path);
            Url::from_file_path(file).map_err(|()| wrong())
        }
        StoreUrl::Azure { .. } | StoreUrl::S3 { .. } | StoreUrl::Gcs { .. } => Err(wrong()),
    }
}
