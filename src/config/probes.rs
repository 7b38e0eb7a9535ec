//! From the configuration to probes that can be run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use url::Url;

use super::{BakeConfig, Config, ServedConfig, SmokeConfig, SmokeKind, wait};
use crate::model::ImageRef;
use crate::probe::{Check, HttpCheck, Probe, StreamlitCheck, Target, Timing};

/// The port of `streamlit run` (`server.port`, "Streamlit configuration").
const STREAMLIT_PORT: u16 = 8501;

/// The service of an image whose name says nothing.
const UNNAMED: &str = "app";

impl Config {
    /// Tells whether anything has to be run before a candidate becomes stable.
    pub fn has_probes(&self) -> bool {
        !self.smoke.is_empty() || self.compose.is_some() || !self.before_promote.is_empty()
    }

    /// Returns the probes, in the order of the file, each with a name of its own.
    pub fn probes(&self) -> Vec<Probe> {
        let mut taken: BTreeSet<String> =
            self.smoke.iter().filter_map(|smoke| smoke.name.clone()).collect();
        self.smoke
            .iter()
            .map(|smoke| {
                let mut probe = smoke.probe(|image| self.service_of(image));
                if smoke.name.is_none() {
                    probe.name = unique(&probe.name, " ", &taken);
                    taken.insert(probe.name.clone());
                }
                probe
            })
            .collect()
    }

    /// Returns the ports that are probed, or that commands on the runner reach, by service.
    pub fn probed_ports(&self) -> BTreeMap<String, BTreeSet<u16>> {
        let mut ports: BTreeMap<String, BTreeSet<u16>> = BTreeMap::new();
        for smoke in self.smoke.iter().filter(|smoke| smoke.url.is_none()) {
            let service = || {
                let service = smoke.service.clone();
                service.unwrap_or_else(|| self.service_of(smoke.image.as_ref()))
            };
            if let Some(port) = smoke.port_in_container() {
                ports.entry(service()).or_default().insert(port);
            }
        }
        ports
    }

    /// Returns the services of the compose file that probes and commands name.
    pub fn services_named(&self) -> BTreeSet<String> {
        let of_probes = self.smoke.iter().filter_map(|smoke| smoke.service.clone());
        let of_commands = self.before_promote.iter().filter_map(|before| before.service.clone());
        of_probes.chain(of_commands).collect()
    }

    /// Returns the name of the service that an image of the release set gets where there is no
    /// compose file; `None`: the only image.
    pub(super) fn service_of(&self, image: Option<&ImageRef>) -> String {
        let images = self.images.as_deref().unwrap_or_default();
        let Some(image) = image.or_else(|| images.first()) else { return UNNAMED.to_owned() };
        let mut taken = BTreeSet::new();
        for other in images {
            let name = unique(&last_segment(other), "-", &taken);
            if other == image {
                return name;
            }
            taken.insert(name);
        }
        last_segment(image)
    }
}

/// The last part of an image's name, as the name of a host.
fn last_segment(image: &ImageRef) -> String {
    let text = image.to_string();
    let last = text.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = last.chars().map(plain).take(60).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { UNNAMED.to_owned() } else { name.to_owned() }
}

/// Returns the name, or the name with the first number that makes it one of its own.
fn unique(name: &str, between: &str, taken: &BTreeSet<String>) -> String {
    let numbered = (2_u32..).map(|number| format!("{name}{between}{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name| !taken.contains(name)).unwrap_or_else(|| name.to_owned())
}

impl SmokeConfig {
    /// Returns the probe of a URL that no configuration file holds: asked for by hand.
    ///
    /// # Errors
    /// The key that is wrong, and what is wrong with it.
    pub fn of_url(&self) -> Result<Probe, (&'static str, String)> {
        super::check::probes::alone(self)?;
        Ok(self.probe(|_| UNNAMED.to_owned()))
    }

    /// Returns the probe; `service_of` names the service of an image.
    fn probe(&self, service_of: impl FnOnce(Option<&ImageRef>) -> String) -> Probe {
        let runner = self.on_runner();
        let target = match (&self.url, &self.service) {
            (Some(url), _) => match url.parse::<Url>() {
                Ok(url) => Target::Url(url),
                // The check of the configuration refuses it.
                Err(_) => Target::Runner,
            },
            (None, _) if runner => Target::Runner,
            (None, Some(service)) => {
                Target::Service { service: service.clone(), port: self.port_in_container() }
            }
            (None, None) => {
                let service = service_of(self.image.as_ref());
                Target::Service { service, port: self.port_in_container() }
            }
        };
        let name = self.name.clone().unwrap_or_else(|| format!("{} of {target}", self.kind.word()));
        Probe { name, target, timing: self.timing(), check: self.check() }
    }

    /// Returns the port inside the container; none where the probe needs none.
    fn port_in_container(&self) -> Option<u16> {
        match self.kind {
            SmokeKind::Streamlit => Some(self.port.unwrap_or(STREAMLIT_PORT)),
            SmokeKind::Http | SmokeKind::Tcp | SmokeKind::Command => self.port,
            SmokeKind::ContainerHealth => None,
        }
    }

    fn timing(&self) -> Timing {
        let read = |text: &Option<String>, or: Duration| match text.as_deref() {
            // Nothing else than a positive time and zero passes the check of the configuration.
            Some(text) => wait(text).unwrap_or_default(),
            None => or,
        };
        let default = Timing::DEFAULT;
        Timing {
            start_period: read(&self.start_period, default.start_period),
            interval: read(&self.interval, default.interval),
            timeout: read(&self.timeout, default.timeout),
            retries: self.retries.unwrap_or(default.retries),
        }
    }

    fn check(&self) -> Check {
        match self.kind {
            SmokeKind::Http => Check::Http(HttpCheck {
                path: self.path.clone(),
                status: self.status.clone(),
                body: self.body.clone(),
                json: self.json.clone(),
                max_latency: self.max_latency.as_deref().and_then(wait),
                headers: self.headers.clone(),
            }),
            SmokeKind::Tcp => Check::Tcp,
            SmokeKind::Command => Check::Command { run: self.run.clone().unwrap_or_default() },
            SmokeKind::ContainerHealth => Check::ContainerHealth,
            SmokeKind::Streamlit => Check::Streamlit(StreamlitCheck {
                base_path: self.path.clone(),
                pages: self.pages.clone(),
                host: self.host.clone(),
                press: self.press.clone(),
                require_text: self.require_text.clone(),
                require_element: self.require_element.clone(),
                allow_shown_exceptions: self.allow_shown_exceptions,
                allow_empty: self.allow_empty,
            }),
        }
    }
}

/// How what is served is watched after a promotion.
#[derive(Debug, Clone, PartialEq)]
pub struct Bake {
    /// How long.
    pub duration: Duration,
    /// What is asked.
    pub probe: Probe,
    /// How many conclusive failures in a row roll stable back.
    pub failures: u32,
    /// The wait between two looks.
    pub interval: Duration,
}

impl BakeConfig {
    /// Returns the bake.
    pub fn bake(&self) -> Bake {
        Bake {
            duration: wait(&self.duration).unwrap_or_default(),
            probe: self.probe.probe(|_| UNNAMED.to_owned()),
            failures: self.failures.unwrap_or(2),
            interval: self.interval.as_deref().and_then(wait).unwrap_or(Duration::from_secs(15)),
        }
    }
}

/// Where the app shows the commit that it was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShownIn<'a> {
    /// A header of the answer.
    Header(&'a str),
    /// A value in a JSON body, by its pointer (RFC 6901).
    Json(&'a str),
    /// The first group of a regular expression in the body.
    Text(&'a str),
    /// The same in what the first page of a Streamlit app renders.
    StreamlitText(&'a str),
}

impl ServedConfig {
    /// Returns where the commit is shown; `None` where the file says nothing or more than one
    /// place, which the check of the configuration refuses.
    pub fn shown_in(&self) -> Option<ShownIn<'_>> {
        match (&self.header, &self.json, &self.text) {
            (Some(header), None, None) => Some(ShownIn::Header(header)),
            (None, Some(json), None) => Some(ShownIn::Json(json)),
            (None, None, Some(text)) if self.streamlit => Some(ShownIn::StreamlitText(text)),
            (None, None, Some(text)) => Some(ShownIn::Text(text)),
            (_, _, _) => None,
        }
    }
}
