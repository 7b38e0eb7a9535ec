//! `smoke`, `bake` and `served`: which keys belong together, and what they may say.

use std::time::Duration;

use url::Url;

use super::{in_list, json_pointer, misfit, release_set};
use crate::config::node::{Misfit, Step};
use crate::config::{BakeConfig, Config, ServedConfig, SmokeConfig, SmokeKind, wait};
use crate::probe;

/// More than any release needs, and few enough to run all at once.
const MOST_PROBES: usize = 50;

/// The most entries of a list, and characters of a text, in a probe.
const MOST: usize = 1_000;

/// A key, and what is wrong with its value.
type Wrong = (&'static str, String);

/// Checks all probes, the bake, and where the commit is shown.
pub(super) fn check(config: &Config) -> Result<(), Misfit> {
    let found = config.smoke.len();
    if found > MOST_PROBES {
        let problem = format!("expected at most {MOST_PROBES} probes, found {found}");
        return Err(misfit(&["smoke"], problem));
    }
    for (key, there) in [
        ("compose", config.compose.is_some()),
        ("before_promote", !config.before_promote.is_empty()),
    ] {
        // Whether the candidate works is said by probes alone.
        if there && config.smoke.is_empty() {
            return Err(misfit(&[key], "expected a probe besides it, under `smoke`"));
        }
    }
    let mut names = Vec::new();
    for (index, smoke) in config.smoke.iter().enumerate() {
        let wrong = |(key, problem): Wrong| in_list("smoke", index, key, problem);
        probe(smoke).and_then(|()| target(smoke, config)).map_err(wrong)?;
        if let Some(name) = &smoke.name {
            if names.contains(&name) {
                return Err(wrong(("name", format!("{name:?} is there twice"))));
            }
            names.push(name);
        }
    }
    if let Some(bake) = &config.bake {
        self::bake(bake)?;
    }
    match &config.served {
        Some(served) => {
            self::served(served).map_err(|(key, problem)| misfit(&["served", key], problem))
        }
        None => Ok(()),
    }
}

/// Checks a probe of a URL that stands in no file.
pub(in crate::config) fn alone(smoke: &SmokeConfig) -> Result<(), Wrong> {
    probe(smoke).and_then(|()| target(smoke, &Config::default()))
}

/// Checks one probe without its target.
fn probe(smoke: &SmokeConfig) -> Result<(), Wrong> {
    belongs(smoke)?;
    if let Some(name) = &smoke.name
        && (name.trim().is_empty() || name.len() > 100 || name.chars().any(char::is_control))
    {
        return Err(("name", format!("expected a name of 1 to 100 characters, found {name:?}")));
    }
    let minutes = Duration::from_mins;
    duration("start_period", smoke.start_period.as_deref(), minutes(30), true)?;
    duration("interval", smoke.interval.as_deref(), minutes(5), false)?;
    duration("timeout", smoke.timeout.as_deref(), minutes(10), false)?;
    duration("max_latency", smoke.max_latency.as_deref(), minutes(10), false)?;
    if let Some(retries) = smoke.retries.filter(|retries| *retries > 20) {
        return Err(("retries", format!("expected 0 to 20, found {retries}")));
    }
    if smoke.port == Some(0) {
        return Err(("port", "expected 1 to 65535, found 0".to_owned()));
    }
    path(smoke)?;
    if let Some(status) = smoke.status.iter().find(|status| !(100..=599).contains(*status)) {
        return Err(("status", format!("expected 100 to 599, found {status}")));
    }
    if let Some(body) = &smoke.body {
        probe::pattern(body).map_err(|problem| ("body", problem))?;
    }
    for pointer in smoke.json.keys() {
        json_pointer(pointer).map_err(|problem| ("json", problem))?;
    }
    for (name, value) in &smoke.headers {
        header(name).map_err(|problem| ("headers", problem))?;
        if http::HeaderValue::from_str(value).is_err() {
            return Err(("headers", format!("expected the value of a header, found {value:?}")));
        }
    }
    if let Some(run) = &smoke.run {
        command(run).map_err(|problem| ("run", problem))?;
    }
    if let Some(host) = &smoke.host {
        probe::host(host).map_err(|problem| ("host", problem))?;
    }
    texts("pages", &smoke.pages)?;
    texts("press", &smoke.press)?;
    texts("require_text", &smoke.require_text)?;
    texts("require_element", &smoke.require_element)?;
    let is_element = |name: &&String| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    match smoke.require_element.iter().find(|name| !is_element(name)) {
        Some(name) => {
            let problem = format!("expected the name of an element such as metric, found {name:?}");
            Err(("require_element", problem))
        }
        None => Ok(()),
    }
}

/// A key of another kind would be ignored, and its author would believe that it is looked at.
fn belongs(smoke: &SmokeConfig) -> Result<(), Wrong> {
    use SmokeKind::{Command, ContainerHealth, Http, Streamlit, Tcp};
    let runner = smoke.on_runner();
    let ports: &[SmokeKind] =
        if runner { &[Command, Http, Tcp, Streamlit] } else { &[Http, Tcp, Streamlit] };
    let keys: [(&str, bool, &[SmokeKind]); 17] = [
        ("url", smoke.url.is_some(), &[Http, Tcp, Streamlit]),
        ("port", smoke.port.is_some(), ports),
        ("path", smoke.path.is_some(), &[Http, Streamlit]),
        ("status", !smoke.status.is_empty(), &[Http]),
        ("body", smoke.body.is_some(), &[Http]),
        ("json", !smoke.json.is_empty(), &[Http]),
        ("max_latency", smoke.max_latency.is_some(), &[Http]),
        ("headers", !smoke.headers.is_empty(), &[Http]),
        ("run", smoke.run.is_some(), &[Command]),
        ("on", smoke.on.is_some(), &[Command]),
        ("pages", !smoke.pages.is_empty(), &[Streamlit]),
        ("host", smoke.host.is_some(), &[Streamlit]),
        ("press", !smoke.press.is_empty(), &[Streamlit]),
        ("require_text", !smoke.require_text.is_empty(), &[Streamlit]),
        ("require_element", !smoke.require_element.is_empty(), &[Streamlit]),
        ("allow_shown_exceptions", smoke.allow_shown_exceptions, &[Streamlit]),
        ("allow_empty", smoke.allow_empty, &[Streamlit]),
    ];
    for (key, there, kinds) in keys {
        if there && !kinds.contains(&smoke.kind) {
            let kinds: Vec<&str> = kinds.iter().map(|kind| kind.word()).collect();
            let of = smoke.kind.word();
            let problem = format!(
                "belongs to probes of the kind {}, and this one is `{of}`; take the key out",
                kinds.join(", ")
            );
            return Err((key, problem));
        }
    }
    match (smoke.kind, &smoke.run) {
        (Command, None) => Err(("kind", "a `command` probe needs `run`".to_owned())),
        (Command, Some(_)) | (Http | Tcp | ContainerHealth | Streamlit, _) => Ok(()),
    }
}

/// Checks what is asked: a URL, a service of the compose file, or an image of the release set.
fn target(smoke: &SmokeConfig, config: &Config) -> Result<(), Wrong> {
    let given = [
        ("url", smoke.url.is_some()),
        ("service", smoke.service.is_some()),
        ("image", smoke.image.is_some()),
    ];
    let given: Vec<&'static str> =
        given.into_iter().filter_map(|(key, there)| there.then_some(key)).collect();
    if let [first, second, ..] = given[..] {
        let problem = format!("expected one of `url`, `service` and `image`, found `{first}` too");
        return Err((second, problem));
    }
    if let Some(url) = &smoke.url {
        return self::url(url, smoke.kind)
            .map_err(|problem| ("url", problem))
            .and_then(|()| no_port_beside_a_url(smoke));
    }
    let runner = smoke.on_runner();
    if runner && smoke.port.is_none() && given.is_empty() {
        return Ok(());
    }
    if runner && smoke.port.is_none() {
        let problem = "a command on the runner reaches a container by its `port`; add it";
        return Err((given[0], problem.to_owned()));
    }
    in_the_stack(smoke.service.as_deref(), smoke.image.as_ref(), config)?;
    match (smoke.kind, smoke.port) {
        (SmokeKind::Http | SmokeKind::Tcp, None) => {
            let kind = smoke.kind.word();
            let problem = format!("a probe of the kind `{kind}` needs a `port`, or a `url`");
            Err(("kind", problem))
        }
        (
            SmokeKind::Http
            | SmokeKind::Tcp
            | SmokeKind::Command
            | SmokeKind::ContainerHealth
            | SmokeKind::Streamlit,
            _,
        ) => Ok(()),
    }
}

/// Checks that a container is named that will be there.
pub(super) fn in_the_stack(
    service: Option<&str>,
    image: Option<&crate::model::ImageRef>,
    config: &Config,
) -> Result<(), Wrong> {
    match (service, image, &config.compose) {
        (Some(_), _, None) => {
            let problem = "a service needs a compose file; name it in `compose.file`, or name \
                           the `image`";
            Err(("service", problem.to_owned()))
        }
        (Some(service), _, Some(_)) => {
            super::containers::service_name(service).map_err(|problem| ("service", problem))
        }
        (None, Some(_), Some(_)) => {
            let problem = "with `compose`, expected the `service` that runs the image";
            Err(("image", problem.to_owned()))
        }
        (None, None, Some(_)) => {
            Err(("kind", "with `compose`, expected the `service` that is meant".to_owned()))
        }
        (None, Some(image), None) => {
            release_set(config, image).map_err(|problem| ("image", problem))
        }
        (None, None, None) => match config.images.as_deref() {
            None | Some([_]) => Ok(()),
            Some(images) => {
                let problem = format!("expected an `image`: there are {}", images.len());
                Err(("kind", problem))
            }
        },
    }
}

fn no_port_beside_a_url(smoke: &SmokeConfig) -> Result<(), Wrong> {
    match smoke.port {
        Some(_) => Err(("port", "the port of a URL stands in the URL".to_owned())),
        None => Ok(()),
    }
}

/// A URL that is asked. What it carries ends up in logs, so nothing secret may be in it.
fn url(text: &str, kind: SmokeKind) -> Result<(), String> {
    let tcp = kind == SmokeKind::Tcp;
    let expected = if tcp {
        "expected a URL such as tcp://127.0.0.1:5432"
    } else {
        "expected a URL such as https://app.acme.example/"
    };
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") || (tcp && url.scheme() == "tcp"))
        .filter(|url| url.host_str().is_some_and(|host| !host.is_empty()));
    // What is no URL may still hold a password: it is not quoted.
    let Some(url) = url else { return Err(expected.to_owned()) };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{expected}, without credentials: the file is no place for them"));
    }
    if url.scheme() == "tcp" && url.port().is_none() {
        return Err(format!("{expected}, with a port"));
    }
    if url.fragment().is_some() {
        return Err(format!("{expected}, without `#`"));
    }
    Ok(())
}

fn path(smoke: &SmokeConfig) -> Result<(), Wrong> {
    let Some(path) = &smoke.path else { return Ok(()) };
    let plain = path.len() <= MOST
        && !path.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\' || c == '#');
    let begins = smoke.kind == SmokeKind::Streamlit || path.starts_with('/');
    if plain && begins && !path.starts_with("//") && !path.contains("://") {
        return Ok(());
    }
    Err(("path", format!("expected a path such as /health, found {path:?}")))
}

/// Checks a duration; `zero` says whether it may be none at all.
fn duration(
    key: &'static str,
    text: Option<&str>,
    most: Duration,
    zero: bool,
) -> Result<(), Wrong> {
    let Some(text) = text else { return Ok(()) };
    let none = zero && text.parse().is_ok_and(|duration: jiff::SignedDuration| duration.is_zero());
    if none || wait(text).is_some_and(|duration| duration <= most) {
        return Ok(());
    }
    let most = most.as_secs() / 60;
    Err((key, format!("expected a time of at most {most} minutes such as `30s`, found {text:?}")))
}

fn texts(key: &'static str, texts: &[String]) -> Result<(), Wrong> {
    if texts.len() > 100 {
        return Err((key, format!("expected at most 100, found {}", texts.len())));
    }
    let bad = |text: &&String| text.trim().is_empty() || text.len() > MOST || text.contains('\0');
    match texts.iter().find(bad) {
        Some(text) => {
            let shown: String = text.chars().take(80).collect();
            Err((key, format!("expected text of 1 to {MOST} bytes, found {shown:?}")))
        }
        None => Ok(()),
    }
}

fn header(name: &str) -> Result<(), String> {
    match http::HeaderName::from_bytes(name.as_bytes()) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("expected the name of a header, found {name:?}")),
    }
}

/// A command for `sh -c`.
pub(super) fn command(run: &str) -> Result<(), String> {
    if run.trim().is_empty() || run.contains('\0') {
        return Err(format!("expected a command, found {run:?}"));
    }
    Ok(())
}

fn bake(bake: &BakeConfig) -> Result<(), Misfit> {
    let hour = Duration::from_hours(1);
    duration("for", Some(&bake.duration), 6 * hour, false)
        .and_then(|()| duration("interval", bake.interval.as_deref(), hour, false))
        .map_err(|(key, problem)| misfit(&["bake", key], problem))?;
    if let Some(failures) = bake.failures.filter(|failures| !(1..=100).contains(failures)) {
        let problem = format!("expected 1 to 100, found {failures}");
        return Err(misfit(&["bake", "failures"], problem));
    }
    let smoke = &bake.probe;
    let wrong = |(key, problem): Wrong| misfit(&["bake", "probe", key], problem);
    probe(smoke).map_err(wrong)?;
    // What is served is not started by the gate, so there is no container of it.
    for (key, there) in [
        ("image", smoke.image.is_some()),
        ("service", smoke.service.is_some()),
        ("port", smoke.port.is_some()),
    ] {
        if there {
            return Err(wrong((key, "what is served has a `url`; take the key out".to_owned())));
        }
    }
    let runner = smoke.on_runner();
    match (&smoke.url, smoke.kind) {
        (Some(url), kind) => self::url(url, kind).map_err(|problem| wrong(("url", problem))),
        (None, SmokeKind::Command) if runner => Ok(()),
        (None, SmokeKind::Command | SmokeKind::ContainerHealth) => {
            let problem = "expected `http`, `tcp`, `streamlit`, or `command` with `on: runner`: \
                           what is served is not in a container of the gate";
            Err(wrong(("kind", problem.to_owned())))
        }
        (None, SmokeKind::Http | SmokeKind::Tcp | SmokeKind::Streamlit) => {
            Err(wrong(("kind", "expected the `url` of what is served".to_owned())))
        }
    }
}

fn served(served: &ServedConfig) -> Result<(), Wrong> {
    url(&served.url, SmokeKind::Http).map_err(|problem| ("url", problem))?;
    let given = [&served.header, &served.json, &served.text].into_iter().flatten().count();
    if given != 1 {
        let problem =
            format!("expected one of `header`, `json` and `text` beside it, found {given}");
        return Err(("url", problem));
    }
    if let Some(name) = &served.header {
        header(name).map_err(|problem| ("header", problem))?;
    }
    if let Some(pointer) = &served.json {
        json_pointer(pointer).map_err(|problem| ("json", problem))?;
    }
    if let Some(text) = &served.text {
        let pattern = probe::pattern(text).map_err(|problem| ("text", problem))?;
        if pattern.captures_len() < 2 {
            let problem =
                format!("expected a group around the commit, such as ([0-9a-f]+), found {text:?}");
            return Err(("text", problem));
        }
    }
    if served.streamlit && served.text.is_none() {
        return Err(("streamlit", "a Streamlit app shows its commit in a `text`".to_owned()));
    }
    Ok(())
}

/// The way to a key inside an entry of a map or a list.
pub(super) fn within(mut misfit: Misfit, steps: impl IntoIterator<Item = Step>) -> Misfit {
    misfit.path.extend(steps);
    misfit
}
