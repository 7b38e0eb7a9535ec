//! A probe of any kind, ready for attempts at what it asks.

use std::collections::BTreeMap;
use std::time::Duration;

use url::Url;

use super::command::OnRunner;
use super::http::HttpProbe;
use super::{Context, tcp};
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
}

/// A probe, ready for attempts.
pub(super) enum Kind<'a> {
    Http(Box<HttpProbe<'a>>),
    TcpUrl(&'a Url),
    OnRunner(OnRunner<'a>),
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
        let misplaced = |needs: &str| Err(format!("`{}` needs {needs}", probe.check.kind()));
        match (&probe.check, asked) {
            (Check::Http(check), Asked::Url(url)) => {
                Ok(Self::Http(Box::new(HttpProbe::new(url, false, check, redactor)?)))
            }
            (Check::Tcp, Asked::Url(url)) => Ok(Self::TcpUrl(url)),
            (Check::Streamlit(check), Asked::Url(url)) => Ok(Self::Streamlit(url.clone(), check)),
            (Check::Command { run }, Asked::Runner(variables)) => Ok(Self::OnRunner(OnRunner {
                run,
                root: context.root,
                hidden: context.hidden,
                variables,
                redactor,
            })),
            (Check::Http(_) | Check::Tcp | Check::Streamlit(_), Asked::Runner(_)) => {
                misplaced("a container or a URL")
            }
            (Check::Command { .. }, Asked::Url(_)) => misplaced("a container or the runner"),
            (Check::ContainerHealth, Asked::Url(_) | Asked::Runner(_)) => misplaced("a container"),
        }
    }

    /// Makes one attempt.
    pub(super) async fn attempt(&self, timeout: Duration) -> Attempt {
        match self {
            Self::Http(probe) => probe.attempt(timeout).await,
            Self::TcpUrl(url) => tcp::url(url, timeout).await,
            Self::OnRunner(command) => command.attempt(timeout).await,
            Self::Streamlit(url, check) => streamlit::probe(url, check, timeout).await,
        }
    }
}
