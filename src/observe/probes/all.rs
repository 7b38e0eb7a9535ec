//! All probes of a stack that runs, side by side.
//!
//! 1. Every probe of a container is raced against the end of that container.
//! 2. After the first conclusive failure, the others have a few seconds more: what they find helps
//!    people, and decides nothing any more.
//! 3. At the end, every container is looked at once more: one that has ended after its probes had
//!    passed has failed, and one that others depend on is told of.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use super::ends::{self, End};
use super::kinds::Asked;
use super::{Context, StackResult, ask, evidence, fit_found, out_of_time, shown};
use crate::adapters::engine::{Health, Run, State};
use crate::evidence::probes::{ProbeEvidence, ProbeFound};
use crate::observe::stack::{self, Up};
use crate::probe::{Check, Probe, Target};
use crate::secret::Redactor;
use crate::stack::{Condition, Service, ServiceImage, Stack};

/// How long the others may go on after the first conclusive failure.
const AFTER_A_FAILURE: Duration = Duration::from_secs(5);

/// What probes are run on.
pub(super) struct Running<'a> {
    pub(super) stack: &'a Stack,
    pub(super) run: &'a Run,
    /// By service.
    pub(super) started: &'a BTreeMap<String, Up>,
    /// Knows also the secrets of the stack.
    pub(super) redactor: &'a Redactor,
    pub(super) context: &'a Context<'a>,
}

impl Running<'_> {
    /// Runs all probes.
    pub(super) async fn probe(&self, probes: &[Probe]) -> StackResult {
        let begun = Instant::now();
        let variables = self.variables();
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
        let Some(Up { container, since }) = self.started.get(name) else {
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
                return evidence(probe, found, 0, since.elapsed(), self.redactor);
            }
            answer = ask(probe, asked, *since, self.redactor, self.context) => answer,
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
        evidence(probe, found, answer.attempts, since.elapsed(), self.redactor)
    }

    /// Looks at every container once more.
    async fn last_look(&self, probes: &[Probe], found: Vec<ProbeEvidence>) -> StackResult {
        let looks = self.started.iter().map(|(name, up)| async move {
            let service = self.stack.services.get(name);
            ends::look(self.run, &up.container, service).await.map(|end| (name.as_str(), end))
        });
        let ended: BTreeMap<&str, End> =
            futures_util::future::join_all(looks).await.into_iter().flatten().collect();
        let down = self.down(&ended).await;
        let asked: BTreeSet<&str> = probes.iter().filter_map(service_of).collect();
        let found = probes
            .iter()
            .zip(found)
            .map(|(probe, found)| match &probe.target {
                Target::Service { service, .. } => {
                    let needed = needed_by(self.stack, service);
                    self.in_the_light_of(&ended, &down, service, &needed, found)
                }
                // It may ask any of the services.
                Target::Runner => {
                    let needed = stack::independent(self.stack);
                    let needed = needed.into_iter().map(|service| service.name.as_str()).collect();
                    self.in_the_light_of(&ended, &down, "the candidate", &needed, found)
                }
                Target::Url(_) => found,
            })
            .collect();
        let told = |(name, end): &(&str, End)| {
            !asked.contains(name) && (end.code != 0 || self.has_to_go_on(name))
        };
        let warnings = ended.into_iter().filter(told).map(|(_, end)| self.words(&end)).collect();
        StackResult { probes: found, warnings }
    }

    /// Returns what is not to be promoted and does not work any more, and in words why.
    async fn down(&self, ended: &BTreeMap<&str, End>) -> BTreeMap<&str, String> {
        let mut down = BTreeMap::new();
        for (name, up) in self.started {
            if !self.stack.services.get(name).is_some_and(is_given) {
                continue;
            }
            let said = match ended.get(name.as_str()) {
                Some(end) if end.code != 0 || self.has_to_go_on(name) => self.words(end),
                Some(_) => continue,
                None => match self.run.state(&up.container).await {
                    Ok(State::Running { health: Health::Unhealthy { output } }) => {
                        let line = shown::last_lines(&output, 1);
                        let between = if line.is_empty() { "" } else { ": " };
                        let said = format!("{name} is unhealthy{between}{line}");
                        shown::long_line(&said, self.redactor)
                    }
                    Ok(State::Created | State::Running { .. } | State::Exited { .. }) | Err(_) => {
                        continue;
                    }
                },
            };
            down.insert(name.as_str(), said);
        }
        down
    }

    /// Judges what a probe found once more, by what has ended: its container, after the probe had
    /// passed, or what that depends on, before it failed.
    fn in_the_light_of(
        &self,
        ended: &BTreeMap<&str, End>,
        down: &BTreeMap<&str, String>,
        name: &str,
        needed: &BTreeSet<&str>,
        mut evidence: ProbeEvidence,
    ) -> ProbeEvidence {
        match (&evidence.found, ended.get(name)) {
            (ProbeFound::Passed { seen }, Some(end)) => {
                let mut failure = end.failure();
                failure.what = format!("{} after the probe had passed ({seen})", end.what);
                evidence.found = fit_found(ProbeFound::Failed(failure), self.redactor);
            }
            (ProbeFound::Failed(failure), _) => {
                // What is not to be promoted has come down: that says nothing about what is.
                let fallen = down.iter().find(|(other, _)| needed.contains(**other));
                if let Some((_, said)) = fallen {
                    let why =
                        format!("{said}; so it says nothing about {name} that {}", failure.what);
                    evidence.found = fit_found(ProbeFound::Unknown { why }, self.redactor);
                }
            }
            (ProbeFound::Passed { .. } | ProbeFound::Unknown { .. }, _) => {}
        }
        evidence
    }

    /// The end of a container with the last line of its log.
    fn words(&self, end: &End) -> String {
        let line = shown::last_lines(&end.log, 1);
        let said = if line.is_empty() { String::new() } else { format!(": {line}") };
        shown::long_line(&format!("{}{said}", end.what), self.redactor)
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

    /// Says where the ports of containers are reached: `TIDEGATE_PORT_<n>` and `TIDEGATE_URL_<n>`
    /// where one service has the port, and with the name of the service before `<n>` for each.
    fn variables(&self) -> BTreeMap<String, String> {
        let of = |name: &String| self.stack.services.get(name).map(|service| &service.ports);
        let mut owners: BTreeMap<u16, usize> = BTreeMap::new();
        for port in self.started.keys().filter_map(of).flatten() {
            *owners.entry(*port).or_default() += 1;
        }
        let mut variables = BTreeMap::new();
        for (name, up) in self.started {
            for port in of(name).into_iter().flatten() {
                let Some(address) = up.container.address(*port) else { continue };
                let mut endings = vec![format!("{}_{port}", upper_case(name))];
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
}

/// A name as a part of a variable's.
fn upper_case(name: &str) -> String {
    let part = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    name.chars().map(part).collect()
}

/// All services that a service cannot do without.
fn needed_by<'a>(stack: &'a Stack, name: &str) -> BTreeSet<&'a str> {
    let mut needed = BTreeSet::new();
    let mut next: Vec<&str> = vec![name];
    while let Some(service) = next.pop().and_then(|name| stack.services.get(name)) {
        for on in service.depends_on.keys() {
            if needed.insert(on.as_str()) {
                next.push(on);
            }
        }
    }
    needed
}

fn is_given(service: &Service) -> bool {
    match service.image {
        ServiceImage::Candidate { .. } => false,
        ServiceImage::Given(_) => true,
    }
}

fn service_of(probe: &Probe) -> Option<&str> {
    match &probe.target {
        Target::Service { service, .. } => Some(service),
        Target::Url(_) | Target::Runner => None,
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
