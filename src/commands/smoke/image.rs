//! Probes of images by hand: of one that is named, and those of the configuration.
//!
//! Both make a stack as the gate does, from a configuration: of the options, or of the work tree.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::super::session::{SECRETS, Session, block_on, environment};
use super::super::situation::{Probing, by_tag};
use crate::adapters::engine;
use crate::adapters::registry::{self, Credentials, Reference, Registries};
use crate::cli::{Global, Place, Smoke, SmokedImage};
use crate::config::{Config, ContainerConfig, SmokeConfig};
use crate::evidence::probes::{ProbeEvidence, ProbeFound};
use crate::exit::{Exit, Failed, OrFailed as _};
use crate::model::{Digest, ImageRef};
use crate::observe::probes::{self, Context};
use crate::output::{Output, clean};

/// What the probes of the configuration found.
#[derive(Debug, Serialize)]
struct Smoked {
    /// What was probed.
    images: BTreeMap<ImageRef, Digest>,
    /// What each probe found, in the order of the configuration.
    results: Vec<ProbeEvidence>,
    /// What else should be known.
    warnings: Vec<String>,
}

/// Runs one probe in a container of an image.
pub(super) fn one(
    global: &Global,
    args: &Smoke,
    smoke: SmokeConfig,
    image: &SmokedImage,
    output: &mut Output,
) -> anyhow::Result<Exit> {
    let lookup = |name: &str| if global.isolated { None } else { environment(name) };
    let container = ContainerConfig {
        memory: args.container.memory.clone(),
        env: args.container.env.iter().cloned().collect(),
        secrets: args.container.pass.clone(),
        ..ContainerConfig::default()
    };
    let mut config = Config { images: Some(vec![image.name.clone()]), ..Config::default() };
    config.smoke = vec![SmokeConfig { image: Some(image.name.clone()), ..smoke }];
    config.containers.default = container;
    config.containers.platform.clone_from(&args.container.platform);
    // Read once more, so that all is checked that is checked in the file.
    let text = serde_json::to_vec(&config)?;
    let config = Config::parse(&text, "the options").or_exit(Exit::Usage)?;

    let mut redactor = super::redactor(global);
    let registries = Registries::new(registry::Options {
        docker_config: registry::docker_config_path(lookup),
        env_credentials: for_one(Credentials::from_env(lookup), &image.name),
        ..registry::Options::default()
    })?;
    let progress = output.progress(format!("probing {}", image.name));
    let result = block_on(async {
        let digest = digest_of(&registries, image).await?;
        let digests = BTreeMap::from([(image.name.clone(), digest)]);
        let stack = config.stack(&digests, &lookup).or_exit(Exit::Usage)?;
        for secret in args.container.pass.iter().filter_map(|name| lookup(name)) {
            redactor.add(&crate::secret::Secret::new(secret));
        }
        let mut options = engine::Options::from_env(None, lookup);
        options.redactor = redactor.clone();
        let context = Context {
            root: Path::new("."),
            redactor: &redactor,
            hidden: &SECRETS,
            registries: Some(&registries),
            platform: config.containers.platform.as_deref(),
            deadline: None,
            on_step: &|step| progress.say(step),
        };
        Ok(probes::run(&stack, &config.probes(), &options, &context).await?)
    })?;
    drop(progress);
    for warning in &result.warnings {
        output.warning(warning)?;
    }
    let [evidence] = result.probes.as_slice() else {
        return Err(Failed::new(Exit::Internal, "one probe gave no single result").into());
    };
    output.show("tidegate/smoke/1", evidence, super::show)?;
    Ok(exit_of(&result.probes))
}

/// Runs the probes of the configuration of the work tree.
pub(super) fn configured(
    global: &Global,
    args: &Smoke,
    output: &mut Output,
) -> anyhow::Result<Exit> {
    let (session, problem) = Session::open_anyway(global, &Place::default())?;
    if let Some(problem) = problem {
        return Err(problem);
    }
    if !session.config.has_probes() {
        return Err(Failed::new(Exit::Usage, "the configuration has no probes")
            .with_hint(
                "name one by --kind with --url or --image, or add `smoke` to .github/tidegate.yml",
            )
            .into());
    }
    let progress = output.progress("probing the release set");
    let say = |step: &str| progress.say(step);
    let smoked = block_on(async {
        let registries = session.registries()?;
        let head = session.resolve("HEAD")?;
        let commit = session.git.effective_head(&head, &session.config.ledger.path)?;
        let mut images = args.digests.clone().unwrap_or_default().0;
        for image in session.release_set()? {
            if images.contains_key(image) {
                continue;
            }
            let digest = match &args.digest {
                Some(digest) if session.images().len() == 1 => Some(digest.clone()),
                Some(_) => {
                    let error = "one digest was given for several images";
                    return Err(Failed::new(Exit::Usage, error)
                        .with_hint("name each image: --digests '{\"<image>\": \"sha256:...\"}'")
                        .into());
                }
                None => by_tag(&session.config, &registries, image, &commit).await?,
            };
            let digest = digest.ok_or_else(|| {
                Failed::new(
                    Exit::BadInput,
                    format!("{image} has no candidate for {}", commit.short()),
                )
                .with_hint("push one, or name a digest by --digest or --digests")
            })?;
            images.insert(image.clone(), digest);
        }
        let mut probing = Probing::new(&say);
        let found = probing.run(&session, &registries, &commit, images.clone()).await?;
        let results = found.probes.results().to_vec();
        Ok(Smoked { images, results, warnings: found.warnings })
    })?;
    drop(progress);
    output.show("tidegate/smoke-all/1", &smoked, |output, smoked| {
        for (image, digest) in &smoked.images {
            output.line(clean(&format!("{image}@{digest}")))?;
        }
        smoked.results.iter().try_for_each(|evidence| super::show(output, evidence))
    })?;
    for warning in &smoked.warnings {
        output.warning(warning)?;
    }
    Ok(exit_of(&smoked.results))
}

/// One failure outweighs what nobody could find out.
fn exit_of(results: &[ProbeEvidence]) -> Exit {
    let any = |what: fn(&ProbeFound) -> bool| results.iter().any(|result| what(&result.found));
    if any(|found| matches!(found, ProbeFound::Failed(_))) {
        Exit::ProbeFailed
    } else if any(|found| matches!(found, ProbeFound::Unknown { .. })) {
        Exit::Unreachable
    } else {
        Exit::Done
    }
}

/// A password of the environment is for the registry of the image that is probed, where nobody says
/// another one.
fn for_one(mut credentials: Credentials, image: &ImageRef) -> Credentials {
    if let (None, ImageRef::Registry { host, .. }) = (&credentials.host, image) {
        credentials.host = Some(host.clone());
    }
    credentials
}

async fn digest_of(registries: &Registries, image: &SmokedImage) -> anyhow::Result<Digest> {
    let reference = match &image.reference {
        Reference::Digest(digest) => return Ok(digest.clone()),
        tag @ Reference::Tag(_) => tag,
    };
    registries.digest(&image.name, reference).await?.ok_or_else(|| {
        Failed::new(Exit::BadInput, format!("{} is not in its registry", image.name))
            .with_hint("look at the tag, or name a digest: --image NAME@sha256:...")
            .into()
    })
}
