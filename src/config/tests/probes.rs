//! Probes, containers, compose stacks and bakes.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{errors, parse};
use crate::config::{ShownIn, StackError};
use crate::model::{Digest, ImageRef};
use crate::probe::{Check, Target};
use crate::stack::{MountSource, ServiceImage, Value};

#[test]
fn probes_that_make_no_sense_are_refused() {
    insta::assert_snapshot!(errors(&[
        "smoke: [{ kind: html }]",
        "smoke: [{ kind: http }]",
        "smoke:\n  - kind: streamlit\n  - kind: tcp\n    port: 1\n    body: x\n",
        "smoke: [{ kind: http, port: 0 }]",
        "smoke: [{ kind: http, port: 80, url: 'http://a.example' }]",
        "smoke: [{ kind: http, url: 'https://me:hush@a.example' }]",
        "smoke: [{ kind: http, url: 'ftp://a.example' }]",
        "smoke: [{ kind: tcp, url: 'tcp://a.example' }]",
        "smoke: [{ kind: container_health, url: 'http://a.example' }]",
        "smoke: [{ kind: command }]",
        "smoke: [{ kind: command, run: ' ' }]",
        "smoke: [{ kind: command, run: x, port: 80 }]",
        "smoke: [{ kind: command, run: x, on: runner, image: ghcr.io/a/b }]",
        "images: [ghcr.io/a/b]\nsmoke: [{ kind: streamlit, image: ghcr.io/a/c }]",
        "images: [ghcr.io/a/b, ghcr.io/a/c]\nsmoke: [{ kind: streamlit }]",
        "smoke: [{ kind: streamlit, service: web }]",
        "compose: { file: c.yml }\nsmoke: [{ kind: streamlit }]",
        "compose: { file: c.yml }\nsmoke: [{ kind: streamlit, image: ghcr.io/a/b }]",
        "compose: { file: c.yml }\nsmoke: [{ kind: streamlit, service: web, url: 'http://a' }]",
        "smoke: [{ kind: http, port: 80, path: health }]",
        "smoke: [{ kind: http, port: 80, body: '(' }]",
        "smoke: [{ kind: http, port: 80, body: '(\\w{500}){500}' }]",
        "smoke: [{ kind: http, port: 80, json: { status: ok } }]",
        "smoke: [{ kind: http, port: 80, status: [99] }]",
        "smoke: [{ kind: http, port: 80, headers: { 'a b': c } }]",
        "smoke: [{ kind: http, port: 80, timeout: 1h }]",
        "smoke: [{ kind: http, port: 80, interval: 0s }]",
        "smoke: [{ kind: http, port: 80, start_period: soon }]",
        "smoke: [{ kind: http, port: 80, retries: 21 }]",
        "smoke: [{ kind: streamlit, require_element: ['<b>'] }]",
        "smoke: [{ kind: streamlit, name: a }, { kind: streamlit, name: a }]",
        "smoke: [{ kind: streamlit, name: \"a\\e[2J\" }]",
    ]), @r#"
    tidegate.yml:1:17: smoke[0].kind: expected `http`, `tcp`, `command`, `container_health` or `streamlit`, found "html"
    tidegate.yml:1:17: smoke[0].kind: a probe of the kind `http` needs a `port`, or a `url`
    tidegate.yml:5:11: smoke[1].body: belongs to probes of the kind http, and this one is `tcp`; take the key out
    tidegate.yml:1:29: smoke[0].port: expected 1 to 65535, found 0
    tidegate.yml:1:29: smoke[0].port: the port of a URL stands in the URL
    tidegate.yml:1:28: smoke[0].url: expected a URL such as https://app.acme.example/, without credentials: the file is no place for them
    tidegate.yml:1:28: smoke[0].url: expected a URL such as https://app.acme.example/
    tidegate.yml:1:27: smoke[0].url: expected a URL such as tcp://127.0.0.1:5432, with a port
    tidegate.yml:1:40: smoke[0].url: belongs to probes of the kind http, tcp, streamlit, and this one is `container_health`; take the key out
    tidegate.yml:1:17: smoke[0].kind: a `command` probe needs `run`
    tidegate.yml:1:31: smoke[0].run: expected a command, found " "
    tidegate.yml:1:40: smoke[0].port: belongs to probes of the kind http, tcp, streamlit, and this one is `command`; take the key out
    tidegate.yml:1:53: smoke[0].image: a command on the runner reaches a container by its `port`; add it
    tidegate.yml:2:35: smoke[0].image: ghcr.io/a/c is not in the release set; name it under `images`
    tidegate.yml:2:17: smoke[0].kind: expected an `image`: there are 2
    tidegate.yml:1:37: smoke[0].service: a service needs a compose file; name it in `compose.file`, or name the `image`
    tidegate.yml:2:17: smoke[0].kind: with `compose`, expected the `service` that is meant
    tidegate.yml:2:35: smoke[0].image: with `compose`, expected the `service` that runs the image
    tidegate.yml:2:37: smoke[0].service: expected one of `url`, `service` and `image`, found `url` too
    tidegate.yml:1:39: smoke[0].path: expected a path such as /health, found "health"
    tidegate.yml:1:39: smoke[0].body: expected a regular expression, found "(": unclosed group
    tidegate.yml:1:39: smoke[0].body: expected a regular expression, found "(\\w{500}){500}": Compiled regex exceeds size limit of 1048576 bytes.
    tidegate.yml:1:39: smoke[0].json: expected a JSON pointer such as /test_metrics/macro_f1, found "status"
    tidegate.yml:1:41: smoke[0].status: expected 100 to 599, found 99
    tidegate.yml:1:42: smoke[0].headers: expected the name of a header, found "a b"
    tidegate.yml:1:42: smoke[0].timeout: expected a time of at most 10 minutes such as `30s`, found "1h"
    tidegate.yml:1:43: smoke[0].interval: expected a time of at most 5 minutes such as `30s`, found "0s"
    tidegate.yml:1:47: smoke[0].start_period: expected a time of at most 30 minutes such as `30s`, found "soon"
    tidegate.yml:1:42: smoke[0].retries: expected 0 to 20, found 21
    tidegate.yml:1:45: smoke[0].require_element: expected the name of an element such as metric, found "<b>"
    tidegate.yml:1:64: smoke[1].name: "a" is there twice
    tidegate.yml:1:34: smoke[0].name: expected a name of 1 to 100 characters, found "a\u{1b}[2J"
    "#);
    let many = "smoke:\n".to_owned() + &"  - kind: streamlit\n".repeat(51);
    let said = errors(&[&many]);
    assert!(said.contains("2:3: smoke: expected at most 50 probes, found 51"), "{said}");
}

#[test]
fn containers_that_make_no_sense_are_refused() {
    insta::assert_snapshot!(errors(&[
        "containers: { engine: 'ssh://build.example' }",
        "containers: { engine: 'tcp://build.example:2375' }",
        "containers: { platform: linux }",
        "containers: { pull_timeout: 2h }",
        "containers: { default: { memory: lots } }",
        "containers: { default: { memory: 1m } }",
        "containers: { default: { cpus: 0 } }",
        "containers: { default: { cpus: .nan } }",
        "containers: { default: { pids: 0 } }",
        "containers: { default: { capabilities: [ALL] } }",
        "containers: { default: { env: { 'A B': c } } }",
        "containers: { default: { secrets: [GITHUB_TOKEN] } }",
        "containers: { default: { secrets: [TIDEGATE_REGISTRY_PASSWORD] } }",
        "containers: { default: { env: { A: x }, secrets: [A] } }",
        "containers: { default: { env: { A: x } }, images: { ghcr.io/a/b: { secrets: [A] } } }",
        "images: [ghcr.io/a/b]\ncontainers: { images: { ghcr.io/a/c: {} } }",
        "compose: { file: compose.yml }",
        "compose: { file: ../compose.yml }\nsmoke: [{ kind: http, url: 'http://a' }]",
        "smoke: [{ kind: http, url: 'http://a' }]\ncompose: { file: c.yml, env_file: /etc/passwd }",
        "images: [ghcr.io/a/b]\nsmoke: [{ kind: http, url: 'http://a' }]\n\
         compose: { file: c.yml, services: { web: ghcr.io/a/c } }",
        "smoke: [{ kind: streamlit }]\nbefore_promote: [{ run: alembic upgrade head, service: web }]",
        "smoke: [{ kind: http, url: 'http://a' }]\ncompose: { file: c.yml }\nbefore_promote: [{ run: alembic upgrade head }]",
        "smoke: [{ kind: http, url: 'http://a' }]\ncompose: { file: c.yml }\nbefore_promote: [{ run: x, service: a, image: ghcr.io/a/b }]",
        "smoke: [{ kind: streamlit }]\nbefore_promote: [{ run: x, timeout: 2h }]",
        "smoke: [{ kind: streamlit }]\nbefore_promote: [{ run: x, live: { secrets: ['DATABASE_URL=GH_TOKEN'] } }]",
        "smoke: [{ kind: streamlit }]\nbefore_promote:\n  - run: x\n    live:\n      env: { A: b }\n      secrets: [A]\n",
        "incompatible_with_rollback_before: abc1234",
    ]), @r#"
    tidegate.yml:1:23: containers.engine: expected a socket of this machine such as unix:///var/run/docker.sock
    tidegate.yml:1:23: containers.engine: expected a socket of this machine such as unix:///var/run/docker.sock
    tidegate.yml:1:25: containers.platform: expected a platform such as linux/amd64, found "linux"
    tidegate.yml:1:29: containers.pull_timeout: expected a time of at most `1h` such as `10m`, found "2h"
    tidegate.yml:1:34: containers.default.memory: expected memory such as 512m or 2g, 6m or more, found "lots"
    tidegate.yml:1:34: containers.default.memory: expected memory such as 512m or 2g, 6m or more, found "1m"
    tidegate.yml:1:32: containers.default.cpus: expected 0.01 to 1024, found 0
    tidegate.yml:1:32: containers.default.cpus: expected 0.01 to 1024, found NaN
    tidegate.yml:1:32: containers.default.pids: expected 1 to 4194304, found 0
    tidegate.yml:1:40: containers.default.capabilities: expected a capability such as NET_BIND_SERVICE, found "ALL"
    tidegate.yml:1:31: containers.default.env: expected the name of a variable, found "A B"
    tidegate.yml:1:35: containers.default.secrets: expected a variable of its own, found GITHUB_TOKEN: TIDEGATE_*, GITHUB_*, GH_*, ACTIONS_*, RUNNER_* belong to others
    tidegate.yml:1:35: containers.default.secrets: expected a variable of its own, found TIDEGATE_REGISTRY_PASSWORD: TIDEGATE_*, GITHUB_*, GH_*, ACTIONS_*, RUNNER_* belong to others
    tidegate.yml:1:50: containers.default.secrets: A is in `env` and in `secrets`; take one of them out
    tidegate.yml:1:66: containers.images.ghcr.io/a/b: A is in `env` and in `secrets`; take one of them out
    tidegate.yml:2:38: containers.images.ghcr.io/a/c: ghcr.io/a/c is not in the release set; name it under `images`
    tidegate.yml:1:10: compose: expected a probe besides it, under `smoke`
    tidegate.yml:1:18: compose.file: expected a path from the root of the repository, and "../compose.yml" may lead out of it
    tidegate.yml:2:35: compose.env_file: expected a path from the root of the repository, found the absolute path "/etc/passwd"
    tidegate.yml:3:42: compose.services.web: ghcr.io/a/c is not in the release set; name it under `images`
    tidegate.yml:2:56: before_promote[0].service: a service needs a compose file; name it in `compose.file`, or name the `image`
    tidegate.yml:3:25: before_promote[0].run: with `compose`, expected the `service` that is meant
    tidegate.yml:3:47: before_promote[0].image: expected either `service` or `image`, found both
    tidegate.yml:2:37: before_promote[0].timeout: expected a time of at most `1h` such as `10m`, found "2h"
    tidegate.yml:2:45: before_promote[0].live.secrets: expected a variable of its own, found GH_TOKEN: TIDEGATE_*, GITHUB_*, GH_*, ACTIONS_*, RUNNER_* belong to others
    tidegate.yml:6:16: before_promote[0].live.secrets: A is in `env` and in `secrets`; take one of them out
    tidegate.yml:1:36: incompatible_with_rollback_before: "abc1234" is not a full commit id (40 lower-case hexadecimal digits)
    "#);
}

#[test]
fn bakes_and_served_versions_that_make_no_sense_are_refused() {
    insta::assert_snapshot!(errors(&[
        "bake: { for: 7h, probe: { kind: http, url: 'http://a.example' } }",
        "bake: { for: 10m, probe: { kind: http, port: 80 } }",
        "bake: { for: 10m, probe: { kind: http } }",
        "bake: { for: 10m, probe: { kind: container_health } }",
        "bake: { for: 10m, probe: { kind: command, run: x } }",
        "bake: { for: 10m, failures: 0, probe: { kind: http, url: 'http://a.example' } }",
        "served: { url: 'http://a.example' }",
        "served: { url: 'http://a.example', header: x-commit, json: /commit }",
        "served: { url: 'http://a.example', header: 'x commit' }",
        "served: { url: 'http://a.example', json: commit }",
        "served: { url: 'http://a.example', text: '[0-9a-f]{40}' }",
        "served: { url: 'http://a.example', header: x-commit, streamlit: true }",
        "served: { url: 'app', header: x-commit }",
    ]), @r#"
    tidegate.yml:1:14: bake.for: expected a time of at most 360 minutes such as `30s`, found "7h"
    tidegate.yml:1:46: bake.probe.port: what is served has a `url`; take the key out
    tidegate.yml:1:34: bake.probe.kind: expected the `url` of what is served
    tidegate.yml:1:34: bake.probe.kind: expected `http`, `tcp`, `streamlit`, or `command` with `on: runner`: what is served is not in a container of the gate
    tidegate.yml:1:34: bake.probe.kind: expected `http`, `tcp`, `streamlit`, or `command` with `on: runner`: what is served is not in a container of the gate
    tidegate.yml:1:29: bake.failures: expected 1 to 100, found 0
    tidegate.yml:1:16: served.url: expected one of `header`, `json` and `text` beside it, found 0
    tidegate.yml:1:16: served.url: expected one of `header`, `json` and `text` beside it, found 2
    tidegate.yml:1:44: served.header: expected the name of a header, found "x commit"
    tidegate.yml:1:42: served.json: expected a JSON pointer such as /test_metrics/macro_f1, found "commit"
    tidegate.yml:1:42: served.text: expected a group around the commit, such as ([0-9a-f]+), found "[0-9a-f]{40}"
    tidegate.yml:1:65: served.streamlit: a Streamlit app shows its commit in a `text`
    tidegate.yml:1:16: served.url: expected a URL such as https://app.acme.example/
    "#);
}

fn image(name: &str) -> ImageRef {
    name.parse().unwrap()
}

#[test]
fn probes_have_names_of_their_own_and_the_usual_times() {
    let config = parse(
        "images: [ghcr.io/acme/app]\n\
         smoke:\n\
         - { kind: streamlit }\n\
         - { kind: http, port: 8000, path: /health, timeout: 5s, retries: 0, start_period: 0s }\n\
         - { kind: http, port: 8000, path: /ready }\n\
         - { kind: http, url: 'https://a.example/x' }\n\
         - { kind: command, run: 'true', on: runner }\n\
         - { kind: container_health, name: health }\n",
    )
    .unwrap();
    let probes = config.probes();
    let names: Vec<&str> = probes.iter().map(|probe| probe.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "streamlit of app:8501",
            "http of app:8000",
            "http of app:8000 2",
            "http of https://a.example/x",
            "command of the runner",
            "health"
        ]
    );
    assert_eq!(probes[0].timing, crate::probe::Timing::DEFAULT);
    assert_eq!(probes[1].timing.start_period, Duration::ZERO);
    assert_eq!(probes[1].timing.longest(), Duration::from_secs(6));
    assert_eq!(probes[4].target, Target::Runner);
    assert_eq!(probes[5].target, Target::Service { service: "app".to_owned(), port: None });
    assert!(
        matches!(&probes[1].check, Check::Http(check) if check.path.as_deref() == Some("/health"))
    );
    let ports: Vec<u16> = config.probed_ports()["app"].iter().copied().collect();
    assert_eq!(ports, [8000, 8501]);
    assert!(config.has_probes());
}

#[test]
fn a_stack_has_one_service_for_each_image_that_is_probed() {
    let text = "images: [ghcr.io/acme/app, ghcr.io/other/app, ghcr.io/acme/unused]\n\
         containers:\n\
           default: { memory: 512m, env: { MODE: smoke }, secrets: [API_KEY] }\n\
           images: { ghcr.io/other/app: { memory: 2g, read_only: true, env: { MODE: x } } }\n\
         smoke:\n\
         - { kind: streamlit, image: ghcr.io/acme/app }\n\
         - { kind: tcp, port: 9000, image: ghcr.io/other/app }\n\
         before_promote: [{ run: migrate, image: ghcr.io/acme/app }]\n";
    let text = text.replace("default:", "  default:").replace("images: { g", "  images: { g");
    let config = parse(&text).unwrap();
    let digests: BTreeMap<ImageRef, Digest> = config
        .images
        .clone()
        .unwrap()
        .into_iter()
        .map(|image| (image.clone(), Digest::of(image.to_string().as_bytes())))
        .collect();
    let known = |name: &str| (name == "API_KEY").then(|| "k3y".to_owned());
    let stack = config.stack(&digests, &known).unwrap();
    let names: Vec<&String> = stack.services.keys().collect();
    assert_eq!(names, ["app", "app-2"]);
    let (first, second) = (&stack.services["app"], &stack.services["app-2"]);
    let candidate = image("ghcr.io/acme/app");
    let digest = digests[&candidate].clone();
    assert_eq!(first.image, ServiceImage::Candidate { image: candidate, digest });
    assert_eq!((first.limits.memory, second.limits.memory), (512 << 20, 2 << 30));
    assert_eq!(first.env["MODE"], Value::Plain("smoke".to_owned()));
    assert_eq!(second.env["MODE"], Value::Plain("x".to_owned()));
    assert!(matches!(&second.env["API_KEY"], Value::Secret(key) if key.expose() == "k3y"));
    assert!(!format!("{stack:?}").contains("k3y"));
    assert!(first.mounts.is_empty() && second.mounts[0].source == MountSource::Tmpfs);
    assert!(first.ports.contains(&8501) && second.ports.contains(&9000));
    assert_eq!((stack.before[0].service.as_str(), stack.before.len()), ("app", 1));
    assert_eq!(stack.before[0].timeout, Duration::from_mins(5));

    let missing = config.stack(&digests, &|_| None).unwrap_err();
    assert_eq!(missing, StackError::MissingSecret { name: "API_KEY".to_owned() });
    let none = config.stack(&BTreeMap::new(), &known).unwrap_err();
    assert_eq!(none.to_string(), "there is no digest of ghcr.io/acme/app");
}

#[test]
fn a_bake_and_a_served_version_are_read() {
    let config = parse(
        "bake: { for: 10m, probe: { kind: http, url: 'https://a.example' } }\n\
         served: { url: 'https://a.example', text: 'commit ([0-9a-f]+)', streamlit: true }\n\
         incompatible_with_rollback_before: 0123456789abcdef0123456789abcdef01234567\n",
    )
    .unwrap();
    let bake = config.bake.as_ref().unwrap().bake();
    assert_eq!((bake.duration.as_secs(), bake.failures, bake.interval.as_secs()), (600, 2, 15));
    let shown = config.served.as_ref().unwrap().shown_in();
    assert_eq!(shown, Some(ShownIn::StreamlitText("commit ([0-9a-f]+)")));
    assert!(!config.has_probes(), "a bake runs after a promotion");
}
