//! The keys of a service that are not honoured, and what becomes of them.

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is read.
    Read,
    /// It changes nothing that a probe could see.
    Silent,
    /// It is left out with a warning.
    Ignored(&'static str),
    /// The file is refused.
    Refused(&'static str),
}

const OWN_LIMITS: &str = "is ignored: only memory, CPUs and processes are limited";
const ISOLATED: &str =
    "would let the container reach out of the engine, and the runner belongs to the gate";

/// Returns what becomes of a key of a service; `None`: there is no such key.
pub(super) fn fate(key: &str) -> Option<Fate> {
    Some(match key {
        "image" | "build" | "command" | "entrypoint" | "environment" | "env_file"
        | "depends_on" | "healthcheck" | "user" | "working_dir" | "hostname" | "container_name"
        | "networks" | "links" | "volumes" | "tmpfs" | "expose" | "ports" | "secrets"
        | "configs" | "mem_limit" | "cpus" | "pids_limit" | "deploy" | "read_only" | "profiles"
        | "cap_add" | "cap_drop" | "privileged" | "network_mode" | "pid" | "ipc" | "uts"
        | "userns_mode" | "cgroup" | "security_opt" | "scale" => Fate::Read,
        "annotations" | "attach" | "develop" | "label_file" | "labels" | "logging"
        | "pull_policy" | "stdin_open" | "stop_grace_period" | "stop_signal" | "tty" => {
            Fate::Silent
        }
        "restart" => Fate::Ignored("is ignored: a container that ends has failed"),
        "platform" => Fate::Ignored("is ignored: `containers.platform` says what is run"),
        "blkio_config" | "cpu_count" | "cpu_percent" | "cpu_period" | "cpu_quota"
        | "cpu_rt_period" | "cpu_rt_runtime" | "cpu_shares" | "cpuset" | "mem_reservation"
        | "mem_swappiness" | "memswap_limit" | "oom_kill_disable" | "oom_score_adj"
        | "shm_size" | "storage_opt" | "ulimits" => Fate::Ignored(OWN_LIMITS),
        "dns" | "dns_opt" | "dns_search" | "domainname" | "extra_hosts" | "mac_address" => {
            Fate::Ignored("is ignored: a service reaches the others by their names")
        }
        "group_add" => Fate::Ignored("is ignored: `user` may name a group"),
        "init" => Fate::Ignored("is ignored: the image's own first process is probed"),
        "isolation" => Fate::Ignored("is ignored"),
        "post_start" | "pre_stop" => {
            Fate::Ignored("is ignored: `before_promote` of the configuration runs commands")
        }
        "sysctls" => Fate::Ignored("is ignored: the engine's settings count"),
        "cgroup_parent"
        | "device_cgroup_rules"
        | "devices"
        | "gpus"
        | "runtime"
        | "use_api_socket"
        | "credential_spec" => Fate::Refused(ISOLATED),
        "external_links" | "volumes_from" => {
            Fate::Refused("reaches containers that are not of this file")
        }
        "extends" => Fate::Refused("is not supported: write the keys out, or use a YAML anchor"),
        "models" | "provider" => Fate::Refused("is not supported"),
        key if key.starts_with("x-") => Fate::Silent,
        _ => return None,
    })
}

/// Returns what a value of a key that isolates a service has to be, or why it is refused.
pub(super) fn isolation(key: &str, value: &str) -> Result<(), &'static str> {
    let harmless = match key {
        "privileged" => value == "false",
        "network_mode" => matches!(value, "bridge" | "default"),
        "ipc" | "cgroup" => value == "private",
        "security_opt" => {
            matches!(
                value,
                "no-new-privileges" | "no-new-privileges:true" | "no-new-privileges=true"
            )
        }
        // `pid`, `uts` and `userns_mode` know no value but the host's or another container's.
        _ => value.is_empty(),
    };
    if harmless { Ok(()) } else { Err(ISOLATED) }
}
