//! Limits: as the engine was told, and as they work.

use bollard::query_parameters::InspectContainerOptions;
use tidegate::stack::Limits;

use super::{World, ended, run, started};
use crate::harness::engine::Image;

#[test]
fn the_engine_is_told_every_limit() {
    let world = World::start();
    run(async {
        let (run, mut service, id) = world.begin(&Image::script("sleep 1000")).await;
        service.limits = Limits {
            memory: 48 << 20,
            nano_cpus: 500_000_000,
            pids: 50,
            read_only: true,
            capabilities: ["NET_BIND_SERVICE".to_owned()].into(),
        };
        let container = started(&run, &service, &id).await;
        let client = world.engine.client();
        let inspected = client
            .inspect_container(container.id(), None::<InspectContainerOptions>)
            .await
            .unwrap();
        let host = inspected.host_config.unwrap();
        assert_eq!((host.memory, host.memory_swap), (Some(48 << 20), Some(48 << 20)));
        assert_eq!((host.nano_cpus, host.pids_limit), (Some(500_000_000), Some(50)));
        // Podman shows what `ALL` stands for, less what is kept.
        let dropped = host.cap_drop.unwrap();
        assert!(dropped == ["ALL"] || dropped.contains(&"NET_RAW".to_owned()), "{dropped:?}");
        assert!(!dropped.contains(&"NET_BIND_SERVICE".to_owned()), "{dropped:?}");
        assert_eq!(host.security_opt.unwrap(), ["no-new-privileges"]);
        assert_eq!(host.readonly_rootfs, Some(true));
        assert_eq!(host.privileged, Some(false));
        let restart = host.restart_policy.and_then(|policy| policy.name);
        assert!(restart.is_none_or(|name| matches!(name.as_ref(), "" | "no")));
        let log = host.log_config.unwrap().config.unwrap();
        assert_eq!((log["max-size"].as_str(), log["max-file"].as_str()), ("4m", "2"));
        let labels = inspected.config.unwrap().labels.unwrap();
        assert_eq!(labels["dev.tidegate.run"], run.id());

        // More CPUs than the machine has are as many as it has.
        service.limits.nano_cpus = 4_000_000_000_000;
        started(&run, &service, &id).await;
        world.end(run).await;
    });
}

#[test]
fn a_memory_bomb_is_killed_and_said_so() {
    let world = World::start();
    run(async {
        // The shell keeps all that it is given in one variable.
        let bomb = "x=x; while :; do x=$x$x; done";
        let (run, mut service, id) = world.begin(&Image::script(bomb)).await;
        service.limits.memory = 16 << 20;
        let container = started(&run, &service, &id).await;
        assert_eq!(ended(&run, &container).await, (137, true));
        let finished = run.once(&service, &id, bomb, super::LONG).await.unwrap();
        assert_eq!((finished.exit_code, finished.oom_killed), (Some(137), true));
        world.end(run).await;
    });
}

#[test]
fn a_fork_bomb_is_held() {
    let world = World::start();
    run(async {
        let bomb = "b() { b | b & }; b; sleep 1000";
        let (run, mut service, id) = world.begin(&Image::script("sleep 1000")).await;
        service.limits.pids = 30;
        let container = started(&run, &service, &id).await;
        let short = std::time::Duration::from_secs(2);
        // The shell of the bomb ends when it cannot fork, or is ended.
        let finished = run.exec(&container, &["sh", "-c", bomb], short).await.unwrap();
        assert!(finished.output.contains("can't fork"), "{finished:?}");
        world.end(run).await;
    });
}

#[test]
fn no_privilege_can_be_had() {
    let world = World::start();
    run(async {
        let show = "grep -E 'NoNewPrivs|CapBnd' /proc/self/status; mount -t tmpfs x /tmp; chroot / true; touch /root-file && echo wrote";
        let (run, mut service, id) = world.begin(&Image::script(show)).await;
        let container = started(&run, &service, &id).await;
        ended(&run, &container).await;
        let log = run.logs(&container).await.unwrap();
        assert!(log.contains("NoNewPrivs:\t1"), "{log}");
        // CHOWN, DAC_OVERRIDE, FOWNER, SETGID and SETUID.
        assert!(log.contains("CapBnd:\t00000000000000cb"), "{log}");
        assert!(log.contains("mount: permission denied"), "{log}");
        assert!(log.contains("chroot: can't change root directory"), "{log}");
        assert!(log.contains("wrote"), "{log}");

        service.limits.read_only = true;
        let script = "touch /root-file; touch /tmp/x && echo '#!/bin/sh' > /tmp/y && chmod +x /tmp/y && /tmp/y && echo ran";
        let finished = run.once(&service, &id, script, super::LONG).await.unwrap();
        assert!(finished.output.contains("/root-file: Read-only file system"), "{finished:?}");
        assert!(finished.output.ends_with("ran"), "{finished:?}");
        world.end(run).await;
    });
}
