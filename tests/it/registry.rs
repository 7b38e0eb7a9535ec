//! The registry adapter against the CNCF registry.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use tidegate::adapters::registry::{Credentials, Options, Reference, Registries};
use tidegate::config::RegistryConfig;
use tidegate::http;
use tidegate::model::{ImageRef, Tag};
use tidegate::secret::Secret;

mod auth;
mod faults;
mod layout;
mod promotion;

/// Runs a future as the binary does.
fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

/// Options with the waits of a test: retries follow within milliseconds, patience is short.
fn options() -> Options {
    Options {
        patience: Duration::from_secs(2),
        http: http::Options {
            retry: http::RetryPolicy {
                attempts: 4,
                first_delay: Duration::from_millis(2),
                longest_delay: Duration::from_millis(20),
                ends_where_asked_for_more: false,
                limit_delay: Duration::from_millis(20),
                total: Duration::from_secs(30),
            },
            connect_timeout: Duration::from_secs(5),
            attempt_timeout: Duration::from_secs(20),
        },
        ..Options::default()
    }
}

fn client(options: Options) -> Registries {
    Registries::new(options).expect("a client")
}

fn login(user: &str, password: &str) -> Credentials {
    Credentials {
        registry: Some((user.to_owned(), Secret::new(password))),
        ..Credentials::default()
    }
}

fn hosts(host: &str, token_host: &str) -> BTreeMap<String, RegistryConfig> {
    let config =
        RegistryConfig { token_host: Some(token_host.to_owned()), ..RegistryConfig::default() };
    BTreeMap::from([(host.to_owned(), config)])
}

fn image(host: &str, repository: &str) -> ImageRef {
    format!("{host}/{repository}").parse().expect("an image")
}

fn tag(text: &str) -> Tag {
    text.parse().expect("a tag")
}

fn by_tag(text: &str) -> Reference {
    Reference::Tag(tag(text))
}
