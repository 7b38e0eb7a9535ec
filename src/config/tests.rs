//! Bad configuration files, and what is said about them.

use super::{Config, MAX_CONFIG_BYTES, Problem};

mod probes;

fn parse(text: &str) -> Result<Config, super::ConfigError> {
    Config::parse(text.as_bytes(), "tidegate.yml")
}

/// Returns the message, and the hint after an arrow.
fn error(text: &str) -> String {
    match parse(text) {
        Ok(_) => format!("no error in {text:?}"),
        Err(error) => {
            let hint = error.hint().map(|hint| format!(" => {hint}"));
            format!("{error}{}", hint.unwrap_or_default())
        }
    }
}

fn errors(texts: &[&str]) -> String {
    texts.iter().map(|text| error(text) + "\n").collect()
}

#[test]
fn nothing_means_the_defaults() {
    for text in ["", "\u{feff}", "# nothing yet\n", "---\n", "version: 1\n", "rollback:\nfreeze:\n"]
    {
        assert_eq!(parse(text), Ok(Config::default()), "{text:?}");
    }
}

#[test]
fn keys_are_read() {
    let config = parse(
        "\u{feff}branch: release/1\r\nimages: [ghcr.io/acme/app, 'oci:layout']\r\n\
         rollback: { enabled: false, retries: 2 }\r\n\
         metrics: [{ name: f1, file: a.json, pointer: /f1, higher_is: better, min: 1 }]\r\n",
    )
    .unwrap();
    assert_eq!(config.branch.as_str(), "release/1");
    assert_eq!(config.images.unwrap().len(), 2);
    assert_eq!((config.rollback.enabled, config.rollback.retries), (false, 2));
    assert_eq!(config.rollback.max_depth, 3);
    assert_eq!(config.metrics[0].min, Some(1.0));
    assert_eq!(config.tags, super::TagsConfig::default());
}

#[test]
fn unknown_keys_are_named_with_line_column_and_suggestion() {
    insta::assert_snapshot!(errors(&[
        "version: 1\nbranch: main\nrolback: { enabled: false }\n",
        "version: 1\nrollback:\n  enabled: true\n  max-depht: 2\n",
        "metrics:\n  - name: f1\n    fiel: a.json\n",
        "registries:\n  ghcr.io: { plain_htt: true }\n",
        "zzz: 1\n",
    ]), @r"
    tidegate.yml:3:1: unknown key `rolback`, expected `version`, `branch`, `ledger`, `images`, `tags`, `stable_branch`, `require`, `metrics`, `preflight`, `smoke`, `containers`, `compose`, `before_promote`, `incompatible_with_rollback_before`, `bake`, `served`, `data`, `schedule`, `rollback`, `freeze`, `author`, `remote`, `state_branch`, `registries`, `after_promote`, `after_rollback`, `notify` or `github` => did you mean `rollback`?
    tidegate.yml:4:3: unknown key `max-depht` under `rollback`, expected `enabled`, `retries`, `retry_workflow`, `max_depth`, `keep`, `workflows` or `pull_request` => did you mean `max_depth`?
    tidegate.yml:3:5: unknown key `fiel` under `metrics[0]`, expected `name`, `file`, `pointer`, `higher_is`, `min`, `max`, `max_drop` or `noise` => did you mean `file`?
    tidegate.yml:2:14: unknown key `plain_htt` under `registries.ghcr.io`, expected `plain_http`, `token_host`, `timeout` or `patience` => did you mean `plain_http`?
    tidegate.yml:1:1: unknown key `zzz`, expected `version`, `branch`, `ledger`, `images`, `tags`, `stable_branch`, `require`, `metrics`, `preflight`, `smoke`, `containers`, `compose`, `before_promote`, `incompatible_with_rollback_before`, `bake`, `served`, `data`, `schedule`, `rollback`, `freeze`, `author`, `remote`, `state_branch`, `registries`, `after_promote`, `after_rollback`, `notify` or `github`
    ");
}

#[test]
fn wrong_types_say_what_was_expected() {
    insta::assert_snapshot!(errors(&[
        "rollback:\n  retries: often\n",
        "rollback: { retries: -1 }",
        "rollback: { enabled: 'no' }",
        "rollback: [x]",
        "branch: 2024",
        "branch:\n  - main\n",
        "images: ghcr.io/acme/app",
        "images:\n  - ghcr.io/acme/app\n  - acme/app\n",
        "branch: a b",
        "preflight: { conflict_markers: hodl }",
        "preflight: { conflict_markers: true }",
        "metrics: { name: x }",
        "metrics:\n  - name: f1\n    file: a.json\n    pointer: /a\n",
        "metrics: [{ name: f1, file: a, pointer: /a, higher_is: better, min: high }]",
        "- a\n",
        "just text",
        "version: 1.0",
        "version: !later 1",
    ]), @r#"
    tidegate.yml:2:12: rollback.retries: expected a whole number, 0 or more, found the text "often"
    tidegate.yml:1:22: rollback.retries: expected a whole number, 0 or more, found the number -1
    tidegate.yml:1:22: rollback.enabled: expected true or false, found the text "no"
    tidegate.yml:1:11: rollback: expected keys with values, found a list
    tidegate.yml:1:9: branch: expected text, found the number 2024 (put it in quotes)
    tidegate.yml:2:3: branch: expected text, found a list
    tidegate.yml:1:9: images: expected a list, found the text "ghcr.io/acme/app"
    tidegate.yml:3:5: images[1]: "acme/app" is not an image without tag or digest, such as ghcr.io/acme/app or oci:path
    tidegate.yml:1:9: branch: "a b" is not a branch name that git accepts
    tidegate.yml:1:32: preflight.conflict_markers: expected `hold`, `warn` or `off`, found "hodl" => did you mean `hold`?
    tidegate.yml:1:32: preflight.conflict_markers: expected `hold`, `warn` or `off`, found `true`
    tidegate.yml:1:10: metrics: expected a list, found keys with values
    tidegate.yml:2:5: metrics[0]: the key `higher_is` is missing
    tidegate.yml:1:69: metrics[0].min: expected a number, found the text "high"
    tidegate.yml:1:1: the file: expected keys with values, found a list
    tidegate.yml:1:1: the file: expected keys with values, found the text "just text"
    tidegate.yml:1:10: version: expected a whole number, 0 or more, found the number 1.0
    tidegate.yml:1:10: cannot be read as YAML: version: a tag (`!name`), expected a plain value
    "#);
}

#[test]
fn what_is_not_yaml_is_placed() {
    insta::assert_snapshot!(errors(&[
        "branch: [main\n",
        "version: 1\n\tbranch: x\n",
        "version: 1\n---\nversion: 1\n",
        "branch: *nowhere",
        "version: 1\nversion: 1\n",
        "registries:\n  ghcr.io: {}\n  ghcr.io: {}\n",
        "? [a]\n: b\n",
        "1: 2",
        "<<<<<<< HEAD\nversion: 1\n",
    ]), @r"
    tidegate.yml:2:1: cannot be read as YAML: did not find expected ',' or ']', while parsing a flow sequence at line 1 column 9
    tidegate.yml:2:1: cannot be read as YAML: found a tab character that violates indentation, while scanning a plain scalar at line 1 column 10
    tidegate.yml: cannot be read as YAML: deserializing from YAML containing more than one document is not supported
    tidegate.yml:1:9: cannot be read as YAML: unknown anchor
    tidegate.yml:2:1: cannot be read as YAML: the key `version` stands there twice
    tidegate.yml:3:3: cannot be read as YAML: registries: the key `ghcr.io` stands there twice
    tidegate.yml:1:3: cannot be read as YAML: invalid type: sequence, expected a key that is text
    tidegate.yml:1:1: unknown key `1`, expected `version`, `branch`, `ledger`, `images`, `tags`, `stable_branch`, `require`, `metrics`, `preflight`, `smoke`, `containers`, `compose`, `before_promote`, `incompatible_with_rollback_before`, `bake`, `served`, `data`, `schedule`, `rollback`, `freeze`, `author`, `remote`, `state_branch`, `registries`, `after_promote`, `after_rollback`, `notify` or `github`
    tidegate.yml:2:8: cannot be read as YAML: mapping values are not allowed in this context
    ");
}

#[test]
fn values_that_make_no_sense_are_refused() {
    insta::assert_snapshot!(errors(&[
        "version: 2",
        "branch: stable",
        "stable_branch: tidegate",
        "state_branch: main",
        "ledger: { branch: tidegate }",
        "tags: { keep: good }",
        "tags: { commit: '{branch}' }",
        "tags: { candidate: '{brunch}-x' }",
        "tags: { candidate: stable }",
        "tags: { stable: '{sha}' }",
        "tags:\n  also: [latest, stable]\n",
        "tags: { keep: '-{sha}' }",
        "images: [ghcr.io/a/b, ghcr.io/a/b]",
        "rollback: { max_depth: 0 }",
        "rollback: { keep: ['docs/**', 'a[', '../x'] }",
        "require: { reports: [/etc/passwd] }",
        "remote: https://user:secret@example.com/x",
        "author: { name: 'a <b>' }",
        "registries: { 'https://ghcr.io': {} }",
        "registries: { ghcr.io: { token_host: a/b } }",
        "registries: { ghcr.io: { timeout: 2h } }",
        "registries: { ghcr.io: { patience: soon } }",
        "freeze: [{ cron: '0 16 * * FRI', duration: 64h, timezone: Mars/Base, reason: x }]",
        "freeze:\n  - { cron: '0 16 * *', duration: 64h, reason: x }\n",
        "freeze:\n  - { cron: '0 0 30 2 *', duration: 64h, reason: x }\n",
        "freeze:\n  - { cron: '0 16 * * 5', duration: 64, reason: x }\n",
        "freeze:\n  - { cron: '0 16 * * 5', duration: 64x, reason: x }\n",
    ]), @r#"
    tidegate.yml:1:10: version: expected 1, found 2: the only version there is
    tidegate.yml: stable_branch: expected a branch other than `branch`, found stable
    tidegate.yml: state_branch: expected a branch other than `stable_branch`, found tidegate
    tidegate.yml:1:15: state_branch: expected a branch other than `branch`, found main
    tidegate.yml:1:19: ledger.branch: expected a branch other than `state_branch`, found tidegate
    tidegate.yml:1:15: tags.keep: expected {sha} or {short_sha} in it, found "good": each commit needs a tag of its own
    tidegate.yml:1:17: tags.commit: expected {sha} or {short_sha} in it, found "{branch}": each commit needs a tag of its own
    tidegate.yml:1:20: tags.candidate: expected {branch}, {sha} or {short_sha}, found "{brunch}" in "{brunch}-x"
    tidegate.yml:1:20: tags.candidate: expected a tag other than those that users get, or a build would release
    tidegate.yml:1:17: tags.stable: "{sha}" is not a tag (letters, digits, _ . - ; at most 128; not starting with . or -)
    tidegate.yml:2:9: tags.also: stable is there twice
    tidegate.yml:1:15: tags.keep: the pattern "-{sha}" makes no tag: "-0123456789abcdef0123456789abcdef01234567" is not a tag (letters, digits, _ . - ; at most 128; not starting with . or -)
    tidegate.yml:1:23: images[1]: ghcr.io/a/b is there twice
    tidegate.yml:1:24: rollback.max_depth: expected 1 or more, found 0; to forbid rollbacks, set `enabled: false`
    tidegate.yml:1:31: rollback.keep[1]: unclosed character class; missing ']'
    tidegate.yml:1:22: require.reports[0]: expected a path from the root of the repository, found the absolute path "/etc/passwd"
    tidegate.yml:1:9: remote: expected a URL without credentials; they come from the environment
    tidegate.yml:1:17: author.name: expected text without < and >, found "a <b>"
    tidegate.yml:1:34: registries.https://ghcr.io: expected a host such as ghcr.io or 127.0.0.1:5000, without scheme and path, found "https://ghcr.io"
    tidegate.yml:1:38: registries.ghcr.io.token_host: expected a host such as ghcr.io or 127.0.0.1:5000, without scheme and path, found "a/b"
    tidegate.yml:1:35: registries.ghcr.io.timeout: expected a wait of at most 55 s such as `30s`, found "2h"
    tidegate.yml:1:36: registries.ghcr.io.patience: expected a wait of at most 60 s such as `30s`, found "soon"
    tidegate.yml:1:59: freeze[0].timezone: timezone "Mars/Base" is unknown; expected an IANA name, such as Europe/Berlin or UTC
    tidegate.yml:2:13: freeze[0].cron: cron "0 16 * *": has 4 fields; expected five fields, such as "0 16 * * FRI"
    tidegate.yml:2:13: freeze[0].cron: cron "0 0 30 2 *" names no time in the next four years, so the window would never open; correct or remove it
    tidegate.yml:2:37: freeze[0].duration: expected text, found the number 64 (put it in quotes)
    tidegate.yml:2:37: freeze[0].duration: duration "64x"; expected a whole number with m, h or d, such as 30m, 64h or 2d, from 1m to 366d
    "#);
}

#[test]
fn metrics_are_checked() {
    let metric = |rest: &str| {
        error(&format!("metrics:\n  - name: f1\n    higher_is: better\n    file: a.json\n{rest}"))
    };
    insta::assert_snapshot!([
        metric("    pointer: f1\n"),
        metric("    pointer: /a~2\n"),
        metric("    pointer: /a\n    min: .nan\n"),
        metric("    pointer: /a\n    max_drop: -0.1\n"),
        metric("    pointer: /a\n    min: 0.9\n    max: 0.8\n"),
        metric("    pointer: /a\n  - { name: f1, higher_is: worse, file: b, pointer: /b }\n"),
    ].join("\n"), @r#"
    tidegate.yml:5:14: metrics[0].pointer: expected a JSON pointer such as /test_metrics/macro_f1, found "f1"
    tidegate.yml:5:14: metrics[0].pointer: expected a JSON pointer such as /test_metrics/macro_f1, found "/a~2"
    tidegate.yml:6:10: metrics[0].min: expected a finite number, found NaN
    tidegate.yml:6:15: metrics[0].max_drop: expected a number, 0 or more, found -0.1
    tidegate.yml:7:10: metrics[0].max: expected at least `min` (0.9), found 0.8
    tidegate.yml:6:5: metrics[1]: f1 is there twice
    "#);
}

#[test]
fn a_ledger_stays_in_the_repository() {
    let bad = [
        "../L.md",
        "/L.md",
        "a/../../L.md",
        ".git/L.md",
        "a/.GIT/x",
        "C:/L.md",
        "a\\..\\L.md",
        "",
        "a//b",
        "./L.md",
        "docs/",
        "~/L.md",
        "a\\tb",
    ];
    for path in bad {
        let text = format!("ledger:\n  path: {path:?}\n");
        let error = parse(&text).unwrap_err();
        assert!(error.to_string().starts_with("tidegate.yml:2:9: ledger.path: "), "{error}");
    }
    assert!(parse("ledger: { path: docs/.github/L..md }").is_ok());
}

#[test]
fn a_hostile_file_is_refused_at_once() {
    let bomb = {
        use std::fmt::Write as _;
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for n in 1..30 {
            let alias = vec![format!("*a{}", n - 1); 10].join(", ");
            writeln!(text, "a{n}: &a{n} [{alias}]").unwrap();
        }
        text
    };
    assert!(error(&bomb).contains("more than 20000 values"), "{}", error(&bomb));
    let wide = format!("images: &a [{}]\nrequire: {{ jobs: [*a, *a] }}\n", "x, ".repeat(10_001));
    assert!(error(&wide).contains("more than 20000 values"), "{}", error(&wide));
    for deep in ["[", "{a: ", "- "] {
        let error = parse(&deep.repeat(250_000)).unwrap_err();
        assert!(matches!(error.problem(), Problem::Syntax(_)), "{error}");
    }
    let size = usize::try_from(MAX_CONFIG_BYTES).unwrap();
    let large = "#".repeat(size + 1);
    assert_eq!(parse(&large).unwrap_err().problem(), &Problem::TooLarge);
    assert_eq!(parse(&large[1..]), Ok(Config::default()));
    let key = format!("{}: 1\n", "k".repeat(500));
    assert!(error(&key).len() < 600, "{}", error(&key));
    let binary = Config::parse(b"branch: \xff\n", "tidegate.yml").unwrap_err();
    assert_eq!(binary.problem(), &Problem::NotUtf8(8));
}

#[test]
fn a_file_that_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tidegate.yml");
    let error = Config::load(&path).unwrap_err();
    assert!(matches!(error.problem(), Problem::Unreadable(_)), "{error}");
    std::fs::write(&path, "branch: trunk\n").unwrap();
    assert_eq!(Config::load(&path).unwrap().branch.as_str(), "trunk");
}

#[test]
fn an_address_that_stands_in_the_file_is_not_quoted() {
    let said = error(
        "notify: { slack: { webhook_env: \"https://hooks.slack.example/services/T0/B0/k3y\" } }",
    );
    assert!(said.starts_with("tidegate.yml:1:33: notify.slack.webhook_env: expected"), "{said}");
    assert!(said.contains("make a new one") && !said.contains("k3y"), "{said}");
    let said = error("notify: { slack: { webhook_env: \"my hook\" } }");
    assert!(said.contains("such as SLACK_WEBHOOK, found \"my hook\""), "{said}");
    let said = error("after_promote: [ { run: x, timeout: 2h } ]");
    assert!(said.ends_with("expected a time of at most 1h, found \"2h\""), "{said}");
}
