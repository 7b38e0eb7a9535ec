//! `containers`, `compose` and `before_promote`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::probes::{command, in_the_stack, within};
use super::{in_list, misfit, release_set, repository_path};
use crate::config::node::{Misfit, Step};
use crate::config::notify::variable_name;
use crate::config::stack::{capability, memory};
use crate::config::{
    BeforePromoteConfig, ComposeConfig, Config, ContainerConfig, LiveConfig, wait,
};

/// The most commands before a promotion.
const MOST_COMMANDS: usize = 10;

/// Checks how candidates run.
pub(super) fn check(config: &Config) -> Result<(), Misfit> {
    let containers = &config.containers;
    if let Some(engine) = &containers.engine {
        self::engine(engine).map_err(|problem| misfit(&["containers", "engine"], problem))?;
    }
    if let Some(platform) = &containers.platform {
        self::platform(platform).map_err(|problem| misfit(&["containers", "platform"], problem))?;
    }
    hour(containers.pull_timeout.as_deref())
        .map_err(|problem| misfit(&["containers", "pull_timeout"], problem))?;
    container(&containers.default)
        .map_err(|(key, problem)| misfit(&["containers", "default", key], problem))?;
    for (image, own) in &containers.images {
        let image_name = image.to_string();
        let wrong = |problem| misfit(&["containers", "images", &image_name], problem);
        release_set(config, image).map_err(wrong)?;
        container(own)
            .map_err(|(key, problem)| within(wrong(problem), [Step::Key(key.to_owned())]))?;
        both(&containers.default, own).map_err(wrong)?;
    }
    if let Some(compose) = &config.compose {
        self::compose(compose, config)?;
    }
    let found = config.before_promote.len();
    if found > MOST_COMMANDS {
        let problem = format!("expected at most {MOST_COMMANDS} commands, found {found}");
        return Err(misfit(&["before_promote"], problem));
    }
    for (index, before) in config.before_promote.iter().enumerate() {
        before_promote(before, config)
            .map_err(|(key, problem)| in_list("before_promote", index, key, problem))?;
        if let Some(live) = &before.live {
            self::live(live).map_err(|(key, problem)| {
                within(in_list("before_promote", index, "live", problem), [Step::Key(key.into())])
            })?;
        }
    }
    Ok(())
}

/// Only sockets of this machine: what is published on another machine's loopback interface cannot
/// be reached from here.
fn engine(engine: &str) -> Result<(), String> {
    let known =
        ["unix:///", "/", "npipe://", "tcp://127.0.0.1:", "tcp://localhost:", "tcp://[::1]:"];
    let well_formed = known.iter().any(|known| engine.starts_with(known) && engine != *known);
    if well_formed && !engine.contains('@') && !engine.chars().any(char::is_control) {
        return Ok(());
    }
    Err("expected a socket of this machine such as unix:///var/run/docker.sock".to_owned())
}

fn platform(platform: &str) -> Result<(), String> {
    let parts: Vec<&str> = platform.split('/').collect();
    let plain = |part: &&str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    if (2..=3).contains(&parts.len()) && parts.iter().all(plain) && platform.len() <= 100 {
        return Ok(());
    }
    Err(format!("expected a platform such as linux/amd64, found {platform:?}"))
}

fn hour(text: Option<&str>) -> Result<(), String> {
    match text {
        Some(text) if wait(text).is_none_or(|wait| wait > Duration::from_hours(1)) => {
            Err(format!("expected a time of at most `1h` such as `10m`, found {text:?}"))
        }
        Some(_) | None => Ok(()),
    }
}

fn container(container: &ContainerConfig) -> Result<(), (&'static str, String)> {
    if let Some(text) = &container.memory {
        memory(text).map_err(|problem| ("memory", problem))?;
    }
    if let Some(cpus) = container.cpus.filter(|cpus| !(0.01..=1024.0).contains(cpus)) {
        return Err(("cpus", format!("expected 0.01 to 1024, found {cpus}")));
    }
    if let Some(pids) = container.pids.filter(|pids| !(1..=4_194_304).contains(pids)) {
        return Err(("pids", format!("expected 1 to 4194304, found {pids}")));
    }
    for name in container.capabilities.iter().flatten() {
        capability(name).map_err(|problem| ("capabilities", problem))?;
    }
    environment(&container.env).map_err(|problem| ("env", problem))?;
    for name in &container.secrets {
        variable_name(name).map_err(|problem| ("secrets", problem))?;
    }
    both(container, container).map_err(|problem| ("secrets", problem))?;
    if container.command.iter().flatten().any(|word| word.contains('\0')) {
        return Err(("command", "expected words without NUL".to_owned()));
    }
    let bad_user = |user: &&String| {
        user.is_empty() || user.len() > 100 || user.chars().any(|c| c.is_control() || c == ' ')
    };
    match container.user.as_ref().filter(bad_user) {
        Some(user) => Err(("user", format!("expected a user such as 1000:1000, found {user:?}"))),
        None => Ok(()),
    }
}

/// A variable is public or secret, and never both: nobody could say which value counts.
fn both(default: &ContainerConfig, own: &ContainerConfig) -> Result<(), String> {
    let twice = [(default, own), (own, default)].into_iter().find_map(|(plain, secret)| {
        secret.secrets.iter().find(|name| plain.env.contains_key(*name))
    });
    match twice {
        Some(name) => Err(format!("{name} is in `env` and in `secrets`; take one of them out")),
        None => Ok(()),
    }
}

fn environment(env: &BTreeMap<String, String>) -> Result<(), String> {
    for (name, value) in env {
        if name.is_empty() || name.contains(['=', '\0']) || name.chars().any(char::is_whitespace) {
            return Err(format!("expected the name of a variable, found {name:?}"));
        }
        if value.contains('\0') {
            return Err(format!("expected text without NUL in {name}"));
        }
    }
    Ok(())
}

/// The name of a service ("Compose file reference", `services`).
pub(super) fn service_name(name: &str) -> Result<(), String> {
    let plain = (1..=100).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if plain {
        return Ok(());
    }
    Err(format!("expected the name of a service of the compose file, found {name:?}"))
}

fn compose(compose: &ComposeConfig, config: &Config) -> Result<(), Misfit> {
    let wrong = |key: &str| {
        let key = key.to_owned();
        move |problem| misfit(&["compose", &key], problem)
    };
    repository_path(&compose.file).map_err(wrong("file"))?;
    if let Some(file) = &compose.env_file {
        repository_path(file).map_err(wrong("env_file"))?;
    }
    for profile in &compose.profiles {
        service_name(profile).map_err(|_| {
            wrong("profiles")(format!("expected the name of a profile, found {profile:?}"))
        })?;
    }
    for (service, image) in &compose.services {
        service_name(service)
            .and_then(|()| release_set(config, image))
            .map_err(|problem| misfit(&["compose", "services", service], problem))?;
    }
    Ok(())
}

fn before_promote(
    before: &BeforePromoteConfig,
    config: &Config,
) -> Result<(), (&'static str, String)> {
    command(&before.run).map_err(|problem| ("run", problem))?;
    if before.service.is_some() && before.image.is_some() {
        return Err(("image", "expected either `service` or `image`, found both".to_owned()));
    }
    in_the_stack(before.service.as_deref(), before.image.as_ref(), config)
        .map_err(|(key, problem)| (if key == "kind" { "run" } else { key }, problem))?;
    let images = config.images.as_ref().map_or(1, Vec::len);
    let named = |service: &String| {
        config.compose.as_ref().is_some_and(|compose| compose.services.contains_key(service))
    };
    if before.live.is_some() && images > 1 && before.service.as_ref().is_some_and(|it| !named(it)) {
        let problem = "with `live`, name the image of the service under `compose.services`";
        return Err(("service", problem.to_owned()));
    }
    hour(before.timeout.as_deref()).map_err(|problem| ("timeout", problem))
}

fn live(live: &LiveConfig) -> Result<(), (&'static str, String)> {
    environment(&live.env).map_err(|problem| ("env", problem))?;
    for secret in &live.secrets {
        let (own, from) = secret.split_once('=').unwrap_or((secret, secret));
        variable_name(own)
            .and_then(|()| variable_name(from))
            .map_err(|problem| ("secrets", problem))?;
        if live.env.contains_key(own) {
            let problem = format!("{own} is in `env` and in `secrets`; take one of them out");
            return Err(("secrets", problem));
        }
    }
    Ok(())
}
