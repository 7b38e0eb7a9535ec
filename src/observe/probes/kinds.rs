//! A probe of any kind, ready for attempts at what it asks.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use url::Url;

use super::command::{self, OnRunner};
use super::http::HttpProbe;
use super::{Context, health, tcp};
use crate::adapters::engine::{Container, Run};
use crate::adapters::streamlit;
use crate::probe::{Attempt, Check, Probe, StreamlitCheck};
use crate::secret::Redactor;

/// What is asked.
#[derive(Clone, Copy)]
pub(super) enum Asked<'a> {
    /// A place that is there already.
    Url(&'a Url),
    /// The runner, with the variables that say where containers are reached.
    Runner(&'a BTreeMap<String, String>),
    /// A container that was started, and where its port is reached, for probes that need one.
    Container(&'a Run, &'a Container, Option<SocketAddr>),
}

/// A probe, ready for attempts.
pub(super) enum Kind<'a> {
    Http(Box<HttpProbe<'a>>),
    TcpUrl(&'a Url),
    TcpContainer(SocketAddr),
    OnRunner(OnRunner<'a>),
    InContainer { run: &'a Run, container: &'a Container, command: &'a str, redactor: &'a Redactor },
    Health(&'a Run, &'a Container),
    Streamlit(Url, &'a StreamlitCheck),
}

impl<'a> Kind<'a> {
    /// Prepares a probe.
    ///
    /// # Errors
    /// Why it cannot be run, whatever the candidate is like.
    pub(super) fn new(
        probe: &'a Probe,
        asked: Asked<'a>,
        redactor: &'a Redactor,
        context: &Context<'a>,
    ) -> Result<Self, String> {
        let misplaced = |needs: &str| format!("`{}` needs {needs}", probe.check.kind());
        let port = |address: Option<SocketAddr>| {
            address
                .ok_or_else(|| "the engine says no place at which its port is reached".to_owned())
        };
        match (&probe.check, asked) {
            (Check::Http(check), Asked::Url(url)) => {
                Ok(Self::Http(Box::new(HttpProbe::new(url, false, check, redactor)?)))
            }
            (Check::Http(check), Asked::Container(_, _, address)) => {
                let base = base(port(address)?)?;
                Ok(Self::Http(Box::new(HttpProbe::new(&base, true, check, redactor)?)))
            }
            (Check::Tcp, Asked::Url(url)) => Ok(Self::TcpUrl(url)),
            (Check::Tcp, Asked::Container(_, _, address)) => Ok(Self::TcpContainer(port(address)?)),
            (Check::Streamlit(check), Asked::Url(url)) => Ok(Self::Streamlit(url.clone(), check)),
            (Check::Streamlit(check), Asked::Container(_, _, address)) => {
                Ok(Self::Streamlit(base(port(address)?)?, check))
            }
            (Check::Command { run }, Asked::Runner(variables)) => Ok(Self::OnRunner(OnRunner {
                run,
                root: context.root,
                hidden: context.hidden,
                variables,
                redactor,
            })),
            (Check::Command { run: command }, Asked::Container(run, container, _)) => {
                Ok(Self::InContainer { run, container, command, redactor })
            }
            (Check::ContainerHealth, Asked::Container(run, container, _)) => {
                Ok(Self::Health(run, container))
            }
            (Check::Http(_) | Check::Tcp | Check::Streamlit(_), Asked::Runner(_)) => {
                Err(misplaced("a container or a URL"))
            }
            (Check::Command { .. }, Asked::Url(_)) => Err(misplaced("a container or the runner")),
            (Check::ContainerHealth, Asked::Url(_) | Asked::Runner(_)) => {
                Err(misplaced("a container"))
            }
        }
    }

    /// Makes one attempt.
    pub(super) async fn attempt(&self, timeout: Duration) -> Attempt {
        match self {
            Self::Http(probe) => probe.attempt(timeout).await,
            Self::TcpUrl(url) => tcp::url(url, timeout).await,
            Self::TcpContainer(address) => tcp::container(*address, timeout).await,
            Self::OnRunner(command) => command.attempt(timeout).await,
            Self::InContainer { run, container, command, redactor } => {
                let words = ["sh", "-c", *command];
                match run.exec(container, &words, timeout).await {
                    Ok(finished) => command::finished(command, timeout, &finished, redactor),
                    Err(error) => Attempt::Impossible { why: error.to_string() },
                }
            }
            Self::Health(run, container) => health::attempt(run, container).await,
            Self::Streamlit(url, check) => streamlit::probe(url, check, timeout).await,
        }
    }
}

fn base(address: SocketAddr) -> Result<Url, String> {
    format!("http://{address}/").parse().map_err(|_| format!("{address} makes no URL"))
}
