//! `container_health`: what the engine says about the image's HEALTHCHECK.

use crate::adapters::engine::{Container, Health, Run, State};
use crate::probe::{Attempt, ProbeFailure};

/// Looks once.
pub(super) async fn attempt(run: &Run, container: &Container) -> Attempt {
    match run.state(container).await {
        Ok(state) => of(state),
        Err(error) => Attempt::Impossible { why: error.to_string() },
    }
}

fn of(state: State) -> Attempt {
    match state {
        State::Running { health: Health::Healthy } => {
            Attempt::Passed { seen: "healthy".to_owned() }
        }
        State::Running { health: Health::Starting } => Attempt::NotReady(ProbeFailure::new(
            "the HEALTHCHECK has not passed yet; `start_period` of the probe has to be longer than \
             its interval",
        )),
        State::Running { health: Health::Unhealthy { output } } => {
            Attempt::Failed(ProbeFailure::new("the HEALTHCHECK fails").with_detail(output))
        }
        // Nothing says that the image is bad.
        State::Running { health: Health::None } => Attempt::Impossible {
            why:
                "the image has no HEALTHCHECK: add one, or use another kind of probe (Buildah and \
                  Podman drop HEALTHCHECK from images in OCI format: build with `--format docker`)"
                    .to_owned(),
        },
        State::Created => Attempt::NotReady(ProbeFailure::new("it was not started yet")),
        State::Exited { code, .. } => {
            Attempt::Failed(ProbeFailure::new(format!("the container ended with {code}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_its_meaning() {
        let running = |health| of(State::Running { health });
        assert!(matches!(running(Health::Healthy), Attempt::Passed { .. }));
        assert!(matches!(running(Health::Starting), Attempt::NotReady(_)));
        let output = "no route to db".to_owned();
        let Attempt::Failed(failure) = running(Health::Unhealthy { output }) else { panic!() };
        assert_eq!(failure.detail.as_deref(), Some("no route to db"));
        let Attempt::Impossible { why } = running(Health::None) else { panic!() };
        assert!(why.contains("--format docker"), "{why}");
        let ended = State::Exited { code: 0, oom_killed: false, error: None };
        assert!(matches!(of(ended), Attempt::Failed(_)));
    }
}
