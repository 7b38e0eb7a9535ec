//! What is dangerous, unknown or contradictory: each with its line and what to do.

use super::*;

#[test]
fn what_reaches_out_of_the_containers_is_refused() {
    let wide =
        "would let the container reach out of the engine, and the runner belongs to the gate";
    for (line, problem) in [
        ("privileged: true", format!("service `app`: `privileged` {wide}")),
        ("privileged: ${P:-true}", format!("service `app`: `privileged` {wide}")),
        ("network_mode: host", format!("service `app`: `network_mode` {wide}")),
        ("network_mode: 'container:x'", format!("service `app`: `network_mode` {wide}")),
        ("pid: host", format!("service `app`: `pid` {wide}")),
        ("ipc: host", format!("service `app`: `ipc` {wide}")),
        ("userns_mode: host", format!("service `app`: `userns_mode` {wide}")),
        ("uts: host", format!("service `app`: `uts` {wide}")),
        ("devices: [ /dev/kvm ]", format!("service `app`: `devices` {wide}")),
        ("use_api_socket: true", format!("service `app`: `use_api_socket` {wide}")),
        ("security_opt: [ 'seccomp:unconfined' ]", format!("service `app`: `security_opt` {wide}")),
        (
            "cap_add: [ SYS_ADMIN ]",
            "services.app.cap_add[0]: the capability \"SYS_ADMIN\" is not allowed".to_owned(),
        ),
        (
            "volumes: [ '/var/run/docker.sock:/var/run/docker.sock' ]",
            "services.app.volumes[0]: the engine's socket is never mounted: who holds it holds the \
             runner"
                .to_owned(),
        ),
        (
            "volumes: [ '/etc:/host' ]",
            "services.app.volumes[0]: \"/etc\" leads out of the repository, and nothing else of \
             the runner is mounted"
                .to_owned(),
        ),
        (
            "volumes: [ { type: bind, source: ../../x, target: /x } ]",
            "services.app.volumes[0]: \"../../x\" leads out of the repository, and nothing else of \
             the runner is mounted"
                .to_owned(),
        ),
        (
            "volumes: [ '~/.ssh:/root/.ssh' ]",
            "services.app.volumes[0]: \"~/.ssh\" leads out of the repository, and nothing else of \
             the runner is mounted"
                .to_owned(),
        ),
        (
            "env_file: ../../secrets.env",
            "services.app.env_file: the path leads out of the repository".to_owned(),
        ),
    ] {
        let text = format!("services:\n  app:\n    image: a\n    {line}\n");
        assert_eq!(Case::new(&[]).error(&text), format!("deploy/compose.yml:4: {problem}"), "{line}");
    }
}

#[test]
fn capabilities_of_the_configuration_are_allowed() {
    let mut case = Case::app();
    for settings in case.candidates.values_mut() {
        settings.limits.capabilities.insert("NET_BIND_SERVICE".to_owned());
    }
    let text =
        "services: { app: { build: ., cap_add: [ cap_net_bind_service ], cap_drop: [ ALL ] } }";
    let kept = &case.read(text).services["app"].limits.capabilities;
    assert_eq!(kept.iter().collect::<Vec<_>>(), ["NET_BIND_SERVICE"]);
}

#[test]
fn a_mount_does_not_hide_what_is_tested() {
    let case = Case::app().file("deploy/app/src/main.py", "");
    let text = "services:\n  app:\n    build: ./app\n    volumes:\n      - ./app:/app\n";
    let error = case.try_read(text).unwrap_err();
    assert_eq!(
        error.to_string(),
        "deploy/compose.yml:5: services.app.volumes[0]: \"./app\" holds the sources of the image, and \
         would hide what is in the image"
    );
    assert!(error.hint.unwrap().contains("compose.override.yml"));
}

#[test]
fn mistakes_are_named_with_their_line() {
    for (text, expected) in [
        ("services:\n  app:\n    imaeg: x\n", ":3: service `app`: there is no key `imaeg`"),
        (
            "services:\n  app:\n    command: x\n",
            ":2: service `app` has neither `image` nor `build`",
        ),
        ("servces: {}\n", ":1: there is no key `servces` at the top of a compose file"),
        ("name: x\n", ": there are no `services`"),
        ("", ": there are no `services`"),
        ("- a\n", ": the file: expected keys with values, found a list"),
        ("services: [ a ]\n", ":1: services: expected keys with values, found a list"),
        (
            "services:\n  a:\n    image: a\n    depends_on:\n      - b\n",
            ":5: service `a` depends on `b`, which is not there",
        ),
        (
            "services:\n  a: { image: a, depends_on: [ b ] }\n  b: { image: b, depends_on: [ c ] }\n  \
             c:\n    image: c\n    depends_on: { b: {} }\n  d: { image: d, depends_on: [ a ] }\n",
            ":3: services wait for each other: b → c → b",
        ),
        (
            "services:\n  a: { image: a, depends_on: [ a ] }\n",
            ":2: services wait for each other: a → a",
        ),
        (
            "services:\n  a:\n    image: a\n    depends_on:\n      a: { condition: ready }\n",
            ":5: services.a.depends_on.a: expected the condition `service_started`, \
             `service_healthy` or `service_completed_successfully`",
        ),
        (
            "services:\n  a:\n    image: a\n    healthcheck: { interval: 5 }\n",
            ":4: services.a.healthcheck.interval: expected a time such as 30s or 1m30s",
        ),
        (
            "services:\n  a:\n    image: a\n    healthcheck:\n      test: [ curl, x ]\n",
            ":5: services.a.healthcheck.test: expected a list that starts with CMD, CMD-SHELL or NONE",
        ),
        (
            "services:\n  a: { image: a, ports: [ 'x' ] }\n",
            ":2: services.a.ports[0]: expected a port such as \"8000\" or \"80:8000\", in quotes",
        ),
        (
            "services:\n  a: { image: a, volumes: [ 'data:/data' ] }\n",
            ":2: services.a.volumes[0]: the volume `data` is not declared",
        ),
        (
            "services:\n  a: { image: a, extends: { service: b } }\n",
            ":2: service `a`: `extends` is not supported: write the keys out, or use a YAML anchor",
        ),
        ("include: [ x.yml ]\n", ":1: `include` is not supported: name one file with all services"),
        (
            "services:\n  a:\n    image: a\n    env_file:\n      - missing.env\n",
            ":5: services.a.env_file[0]: there is no file \"deploy/missing.env\" in the repository",
        ),
        (
            "services:\n  a: { image: a, command: 'echo \"x' }\n",
            ":2: services.a.command: a quote is not closed",
        ),
        (
            "services:\n  a: { image: a, image: b }\n",
            ":2: cannot be read as YAML: services.a: the key `image` stands there twice",
        ),
        (
            "services:\n  a: { image: !reset x }\n",
            ":2: cannot be read as YAML: services.a.image: a tag (`!name`), expected a plain value",
        ),
        (
            "services:\n  a: { image: a, volumes: [ { type: npipe, target: /x } ] }\n",
            ":2: services.a.volumes[0]: expected the type `volume`, `bind` or `tmpfs`",
        ),
        (
            "services:\n  a: { image: a, secrets: [ s ] }\nsecrets:\n  s: { environment: S }\n",
            ":4: secrets.s: only those with `file` are supported",
        ),
    ] {
        assert_eq!(Case::new(&[]).error(text), format!("deploy/compose.yml{expected}"), "{text}");
    }
}
