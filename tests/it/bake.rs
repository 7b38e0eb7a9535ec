//! What is served is watched after a promotion, and users are taken back where it fails.

mod limit;
mod served;
mod watched;

use crate::harness::app_server::AppServer;
use crate::harness::oci_registry::Pushed;
use crate::promises::release_world::{Gate, REPOSITORY, World};

/// A bake that is over soon, of an app at `url`.
fn bake(url: &str, duration: &str) -> String {
    format!(
        "bake: {{ for: {duration}, interval: 20ms, failures: 2, probe: {{ kind: http, url: '{url}', timeout: 5s }} }}\n"
    )
}

/// A released commit, and an app that users ask.
struct Scene {
    app: AppServer,
    world: World,
    first: (String, Pushed),
}

impl Scene {
    /// An app that is watched for so long after each promotion.
    fn watched_for(duration: &str) -> Self {
        Self::with(|app| bake(&app.url("/"), duration))
    }

    fn with(configuration: impl Fn(&AppServer) -> String) -> Self {
        let app = AppServer::start();
        let world = World::with(&[REPOSITORY], &configuration(&app));
        let (commit, image) = world.candidate("Add the page", "print(1)\n");
        // Nothing is served yet, so there is nothing to watch: by hand, which does not bake.
        world.by_hand(&["promote", &commit, "--yes"]).run().code(0);
        Self { app, world, first: (commit, image) }
    }

    fn candidate(&self) -> (String, Pushed) {
        self.world.candidate("Change the page", "print(2)\n")
    }

    fn gate(&self, candidate: &(String, Pushed)) -> Gate<'_> {
        self.world.gate(&candidate.0).passed(&candidate.1)
    }
}
