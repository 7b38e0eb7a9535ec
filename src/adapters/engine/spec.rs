//! What the engine is told about a container: its limits before anything else.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, EndpointSettings, HealthConfig, HostConfig, HostConfigLogConfig, Mount,
    MountType, MountVolumeOptions, NetworkingConfig, PortBinding,
};

use super::labels::Labels;
use crate::stack::{self, Healthcheck, Limits, MountSource, Service, Value};

/// The options of memory that is mounted: without them nothing could be run from it.
const TMPFS: &str = "rw,exec,nosuid,nodev,mode=1777";
/// How much log the engine keeps of a container, so that a flood does not fill the disk: two files of
/// this size ("JSON File logging driver").
const LOG_FILE: &str = "4m";

/// What a container is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose<'a> {
    /// The service itself.
    Service,
    /// One command in its image, which takes neither its ports nor its names nor its health check.
    Once {
        /// For `sh -c`.
        command: &'a str,
    },
}

/// The body of "Create a container".
pub(super) fn body(
    service: &Service,
    image: &str,
    labels: &Labels,
    cpus: Option<u64>,
    purpose: Purpose<'_>,
) -> ContainerCreateBody {
    let network = labels.name("");
    let itself = purpose == Purpose::Service;
    let (entrypoint, cmd) = match purpose {
        Purpose::Service => (service.entrypoint.clone(), service.command.clone()),
        Purpose::Once { command } => {
            (Some(vec!["sh".to_owned(), "-c".to_owned()]), Some(vec![command.to_owned()]))
        }
    };
    let mut aliases: Vec<String> = service.aliases.iter().cloned().collect();
    aliases.push(service.name.clone());
    let endpoint = EndpointSettings { aliases: itself.then_some(aliases), ..Default::default() };
    let ports: Vec<String> = if itself {
        service.ports.iter().map(|port| format!("{port}/tcp")).collect()
    } else {
        Vec::new()
    };
    let healthcheck = match purpose {
        Purpose::Service => service.healthcheck.as_ref().map(health),
        Purpose::Once { .. } => {
            Some(HealthConfig { test: Some(vec!["NONE".to_owned()]), ..Default::default() })
        }
    };
    ContainerCreateBody {
        image: Some(image.to_owned()),
        entrypoint,
        cmd,
        env: Some(service.env.iter().map(|(name, value)| variable(name, value)).collect()),
        user: service.user.clone(),
        working_dir: service.working_dir.clone(),
        exposed_ports: Some(ports.clone()),
        healthcheck,
        labels: Some(labels.of_service(&service.name)),
        host_config: Some(host(service, labels, cpus, &network, &ports)),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(network, endpoint)])),
        }),
        ..Default::default()
    }
}

fn host(
    service: &Service,
    labels: &Labels,
    cpus: Option<u64>,
    network: &str,
    ports: &[String],
) -> HostConfig {
    let Limits { memory, nano_cpus, pids, read_only, capabilities } = &service.limits;
    let memory = i64::try_from(*memory).unwrap_or(i64::MAX);
    // Engines refuse more CPUs than there are.
    let there = cpus.map_or(u64::MAX, |cpus| cpus.saturating_mul(1_000_000_000));
    let nano_cpus = i64::try_from((*nano_cpus).min(there)).unwrap_or(i64::MAX);
    let mut tmpfs: HashMap<String, String> = service
        .mounts
        .iter()
        .filter(|mount| mount.source == MountSource::Tmpfs)
        .map(|mount| (mount.at.clone(), tmpfs_options(mount.read_only)))
        .collect();
    let taken = |at: &str| service.mounts.iter().any(|mount| mount.at.trim_end_matches('/') == at);
    if *read_only && !taken("/tmp") {
        tmpfs.insert("/tmp".to_owned(), TMPFS.to_owned());
    }
    let free_port =
        PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: Some("0".to_owned()) };
    let log = HashMap::from([
        ("max-size".to_owned(), LOG_FILE.to_owned()),
        ("max-file".to_owned(), "2".to_owned()),
    ]);
    HostConfig {
        memory: Some(memory),
        // The sum of memory and swap: equal, so that there is no swap.
        memory_swap: Some(memory),
        nano_cpus: Some(nano_cpus),
        pids_limit: Some(i64::from(*pids)),
        cap_drop: Some(vec!["ALL".to_owned()]),
        cap_add: Some(capabilities.iter().cloned().collect()),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        readonly_rootfs: Some(*read_only),
        tmpfs: Some(tmpfs),
        mounts: Some(service.mounts.iter().filter_map(|mount| mounted(mount, labels)).collect()),
        network_mode: Some(network.to_owned()),
        port_bindings: Some(
            ports.iter().map(|port| (port.clone(), Some(vec![free_port.clone()]))).collect(),
        ),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(log),
        }),
        ..Default::default()
    }
}

fn tmpfs_options(read_only: bool) -> String {
    if read_only { TMPFS.replacen("rw", "ro", 1) } else { TMPFS.to_owned() }
}

fn mounted(mount: &stack::Mount, labels: &Labels) -> Option<Mount> {
    let (typ, source) = match &mount.source {
        MountSource::Repository(path) => (MountType::BIND, Some(path.display().to_string())),
        MountSource::Volume(name) => (MountType::VOLUME, Some(labels.name(name))),
        MountSource::Anonymous => (MountType::VOLUME, None),
        MountSource::Tmpfs => return None,
    };
    // Removed together with its container, and by its labels where somebody else removes that.
    let labelled =
        MountVolumeOptions { labels: Some(labels.all()), ..MountVolumeOptions::default() };
    Some(Mount {
        target: Some(mount.at.clone()),
        volume_options: (mount.source == MountSource::Anonymous).then_some(labelled),
        source,
        typ: Some(typ),
        read_only: Some(mount.read_only),
        ..Default::default()
    })
}

fn variable(name: &str, value: &Value) -> String {
    match value {
        Value::Plain(text) => format!("{name}={text}"),
        Value::Secret(secret) => format!("{name}={}", secret.expose()),
    }
}

/// Zero and nothing mean "as in the image".
fn health(check: &Healthcheck) -> HealthConfig {
    let nanoseconds = |time: Option<std::time::Duration>| {
        time.map(|time| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX))
    };
    HealthConfig {
        test: check.test.clone(),
        interval: nanoseconds(check.interval),
        timeout: nanoseconds(check.timeout),
        start_period: nanoseconds(check.start_period),
        retries: check.retries.map(i64::from),
        start_interval: None,
    }
}
