//! All probes of a stack that runs, side by side.
//!
//! 1. Every probe of a container is raced against the end of that container.
//! 2. After the first conclusive failure, the others have a few seconds more: what they find helps
//!    people, and decides nothing any more.
//! 3. At the end, every container is looked at once more: one that has ended after its probes had
//!    passed has failed, and one that others depend on is told of.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use super::ends::{self, End};
use super::kinds::Asked;
use super::stack::Started;
use super::{Context, StackResult, ask, evidence, out_of_time};
use crate::adapters::engine::Run;
use crate::evidence::probes::{ProbeEvidence, ProbeFound};
use crate::probe::{Check, Probe, Target};
use crate::secret::Redactor;
use crate::stack::{Condition, Stack};

/// How long the others may go on after the first conclusive failure.
const AFTER_A_FAILURE: Duration = Duration::from_secs(5);

/// What probes are run on.
pub(super) struct Running<'a> {
    pub(super) stack: &'a Stack,
    pub(super) run: &'a Run,
    /// By service.
    pub(super) started: &'a BTreeMap<String, Started>,
    /// Knows also the secrets of the stack.
    pub(super) redactor: &'a Redactor,
    pub(super) context: &'a Context<'a>,
}

impl Running<'_> {
    /// Runs all probes.
    pub(super) async fn probe(&self, probes: &[Probe]) -> StackResult {
        let begun = Instant::now();
        let variables = variables(self.started);
        let mut asked: FuturesUnordered<_> = probes
            .iter()
            .enumerate()
            .map(|(index, probe)| {
                let variables = &variables;
                async move { (index, self.one(probe, variables, begun).await) }
            })
            .collect();
        let mut found: Vec<Option<ProbeEvidence>> = probes.iter().map(|_| None).collect();
        let mut failed: Option<(String, Instant)> = None;
        loop {
            let until = failed.as_ref().map(|(_, since)| *since + AFTER_A_FAILURE);
            let until = [until, self.context.deadline].into_iter().flatten().min();
            let next = match until {
                Some(until) => tokio::time::timeout_at(until, asked.next()).await,
                None => Ok(asked.next().await),
            };
            let Ok(Some((index, evidence))) = next else { break };
            (self.context.on_step)(&told(&evidence));
            if matches!(evidence.found, ProbeFound::Failed(_)) {
                failed.get_or_insert_with(|| (evidence.name.clone(), Instant::now()));
            }
            if let Some(place) = found.get_mut(index) {
                *place = Some(evidence);
            }
        }
        drop(asked);
        let unfinished = |probe: &Probe| match &failed {
            Some((name, _)) => {
                let why = format!("not finished when {name} failed");
                evidence(probe, ProbeFound::Unknown { why }, 0, begun.elapsed(), self.redactor)
            }
            None => out_of_time(probe, begun, self.redactor),
        };
        let found = probes
            .iter()
            .zip(found)
            .map(|(probe, found)| found.unwrap_or_else(|| unfinished(probe)))
            .collect();
        self.last_look(probes, found).await
    }

    async fn one(
        &self,
        probe: &Probe,
        variables: &BTreeMap<String, String>,
        begun: Instant,
    ) -> ProbeEvidence {
        let (name, port) = match &probe.target {
            Target::Url(url) => {
                return ask(probe, Asked::Url(url), begun, self.redactor, self.context).await;
            }
            Target::Runner => {
                let asked = Asked::Runner(variables);
                return ask(probe, asked, begun, self.redactor, self.context).await;
            }
            Target::Service { service, port } => (service, *port),
        };
        let Some(Started { container, at, .. }) = self.started.get(name) else {
            let why = format!("the stack has no service {name:?}");
            return super::unknown(probe, why, self.redactor);
        };
        let service = self.stack.services.get(name);
        let address = port.and_then(|port| container.address(port));
        let asked = Asked::Container(self.run, container, address);
        let answer = tokio::select! {
            biased;
            end = ends::wait(self.run, container, service) => {
                let found = match end {
                    Ok(end) => ProbeFound::Failed(end.failure()),
                    Err(error) => ProbeFound::Unknown { why: error.to_string() },
                };
                return evidence(probe, found, 0, at.elapsed(), self.redactor);
            }
            answer = ask(probe, asked, *at, self.redactor, self.context) => answer,
        };
        if matches!(answer.found, ProbeFound::Passed { .. }) {
            return answer;
        }
        // The container may have ended in this very moment, and then that is what happened.
        let found = match (ends::look(self.run, container, service).await, answer.found) {
            (Some(end), _) => ProbeFound::Failed(end.failure()),
            // A page's own traceback says more than the log, which holds it once more.
            (None, ProbeFound::Failed(failure))
                if !is_streamlit(probe) || failure.detail.is_none() =>
            {
                ProbeFound::Failed(ends::with_log(self.run, container, failure).await)
            }
            (None, found) => found,
        };
        evidence(probe, found, answer.attempts, at.elapsed(), self.redactor)
    }

    /// Looks at every container once more.
    async fn last_look(&self, probes: &[Probe], mut found: Vec<ProbeEvidence>) -> StackResult {
        let looks = self.started.iter().map(|(name, started)| async move {
            let service = self.stack.services.get(name);
            ends::look(self.run, &started.container, service).await.map(|end| (name.as_str(), end))
        });
        let ended: BTreeMap<&str, End> =
            futures_util::future::join_all(looks).await.into_iter().flatten().collect();
        let mut warnings = Vec::new();
        for (name, end) in ended {
            let of_it = |probe: &Probe| matches!(&probe.target, Target::Service { service, .. } if service == name);
            let mut probed = false;
            for (_, found) in probes.iter().zip(&mut found).filter(|(probe, _)| of_it(probe)) {
                probed = true;
                if let ProbeFound::Passed { seen } = &found.found {
                    let mut failure = end.failure();
                    failure.what = format!("{} after the probe had passed ({seen})", end.what);
                    found.found = ProbeFound::Failed(super::fit(failure, self.redactor));
                }
            }
            if !probed && (end.code != 0 || self.has_to_go_on(name)) {
                self.tell(&end, &mut found, &mut warnings);
            }
        }
        StackResult { probes: found, warnings }
    }

    /// Tells of the end of a container that no probe asks: as a warning, and beside every failure.
    fn tell(&self, end: &End, found: &mut [ProbeEvidence], warnings: &mut Vec<String>) {
        let last = super::shown::last_lines(&end.log, 10);
        for evidence in found {
            if let ProbeFound::Failed(failure) = &mut evidence.found {
                let detail = failure.detail.as_deref().unwrap_or_default();
                let detail = format!("{detail}\n\n{}:\n{last}", end.what);
                *failure = failure.clone().with_detail(detail.trim_start());
            }
        }
        let line = last.lines().last().unwrap_or_default();
        let said = if line.is_empty() { String::new() } else { format!(": {line}") };
        warnings.push(super::shown::long_line(&format!("{}{said}", end.what), self.redactor));
    }

    /// Whether another service depends on this one, and not on its end.
    fn has_to_go_on(&self, name: &str) -> bool {
        self.stack.services.values().filter_map(|service| service.depends_on.get(name)).any(
            |dependency| match dependency.condition {
                Condition::Started | Condition::Healthy => true,
                Condition::CompletedSuccessfully => false,
            },
        )
    }
}

fn is_streamlit(probe: &Probe) -> bool {
    match probe.check {
        Check::Streamlit(_) => true,
        Check::Http(_) | Check::Tcp | Check::Command { .. } | Check::ContainerHealth => false,
    }
}

/// For people who wait.
fn told(evidence: &ProbeEvidence) -> String {
    let word = match evidence.found {
        ProbeFound::Passed { .. } => "passed",
        ProbeFound::Failed(_) => "failed",
        ProbeFound::Unknown { .. } => "found out nothing",
    };
    format!("{} {word}", evidence.name)
}

/// Says where the ports of containers are reached: `TIDEGATE_PORT_<n>` and `TIDEGATE_URL_<n>` where
/// one service has the port, and with the name of the service for each.
fn variables(started: &BTreeMap<String, Started>) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let mut owners: BTreeMap<u16, usize> = BTreeMap::new();
    for port in started.values().flat_map(|started| &started.ports) {
        *owners.entry(*port).or_default() += 1;
    }
    for (name, started) in started {
        for port in &started.ports {
            let Some(address) = started.container.address(*port) else { continue };
            let name: String = name
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
                .collect();
            let mut endings = vec![format!("{name}_{port}")];
            if owners.get(port) == Some(&1) {
                endings.push(port.to_string());
            }
            for ending in endings {
                variables.insert(format!("TIDEGATE_PORT_{ending}"), address.port().to_string());
                variables.insert(format!("TIDEGATE_URL_{ending}"), format!("http://{address}"));
            }
        }
    }
    variables
}
