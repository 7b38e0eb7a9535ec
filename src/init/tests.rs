//! The core, by value: a survey in, the files out.

use super::survey::Survey;
use super::{Change, InitError, Wishes, compare, design, limit, render};
use crate::config::Config;
use crate::doctor::workflow::Workflow;

mod choices;

/// A repository of these files on GitHub.
fn survey(files: &[(&str, &str)]) -> Survey {
    let mut survey = Survey {
        repository: Some("Acme/Churn-Radar".to_owned()),
        branch: Some("main".to_owned()),
        ..Survey::default()
    };
    for (path, text) in files {
        survey.paths.insert((*path).to_owned());
        if limit(path).is_some_and(|largest| text.len() <= largest) {
            survey.texts.insert((*path).to_owned(), (*text).to_owned());
        }
    }
    survey
}

/// The text of a file that is written.
#[track_caller]
fn file(survey: &Survey, path: &str) -> String {
    let design = design(survey, &Wishes::default()).unwrap();
    render(&design).into_iter().find(|file| file.path.ends_with(path)).unwrap().text
}

/// What is asked for: the configuration without its head, and the jobs of the gate's workflow
/// before the gate.
#[track_caller]
fn files(survey: &Survey) -> String {
    let (config, gate) = (file(survey, "tidegate.yml"), file(survey, "release-gate.yml"));
    Config::parse(config.as_bytes(), "tidegate.yml").unwrap();
    Workflow::parse("release-gate.yml", gate.as_bytes()).unwrap();
    let config = config.split_once("version: 1\n").unwrap().1;
    let jobs = gate.split_once("jobs:\n").unwrap().1;
    let jobs = jobs.split("\n  gate:\n").next().unwrap();
    format!("{config}---\n{jobs}")
}

/// The lines of the workflow that run something.
#[track_caller]
fn runs(survey: &Survey) -> Vec<String> {
    let design = design(survey, &Wishes::default()).unwrap();
    let steps = design.jobs.into_iter().flat_map(|job| job.steps);
    steps
        .flat_map(|step| {
            let at =
                if step.folder.is_empty() { String::new() } else { format!("{}: ", step.folder) };
            step.run.into_iter().map(move |line| format!("{at}{line}"))
        })
        .collect()
}

const TEST: (&str, &str) = ("tests/test_app.py", "def test_x(): pass\n");

#[test]
fn a_streamlit_app_without_an_image() {
    let survey = survey(&[
        ("streamlit_app.py", "import streamlit as st\n"),
        ("requirements.txt", "streamlit\nruff\n"),
        (".python-version", "3.11\n"),
        TEST,
    ]);
    let streamlit = design(&survey, &Wishes::default()).unwrap().streamlit.unwrap();
    assert_eq!(streamlit.file.as_deref(), Some("streamlit_app.py"));
    insta::assert_snapshot!(files(&survey), @r#"
    # No image is built: a release is a commit on the branch `stable`.
    images: []

    # The gate reads the test reports too: it names the tests that failed, and those that are flaky.
    require:
      reports:
        - path: "reports/junit*.xml"
          job: tests

    # A red job is often only a flaky one: it is tried once more before anything is rolled back.
    rollback:
      retries: 1
    ---
      tests:
        name: Tests
        runs-on: ubuntu-latest
        timeout-minutes: 30
        permissions:
          contents: read
        steps:
          - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
            with:
              persist-credentials: false
          - uses: actions/setup-python@ece7cb06caefa5fff74198d8649806c4678c61a1 # v6.3.0
            with:
              python-version-file: ".python-version"
          - name: Install the Python packages
            run: python -m pip install -r requirements.txt pytest
          - name: Run the tests
            run: python -m pytest --junitxml=reports/junit.xml
          - name: Keep the test reports
            if: ${{ !cancelled() }}
            uses: actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02 # v4.6.2
            with:
              name: test-reports
              path: reports/
              if-no-files-found: ignore
              overwrite: true # a second try replaces the reports of the first

      code-quality:
        name: Code quality
        runs-on: ubuntu-latest
        timeout-minutes: 30
        permissions:
          contents: read
        steps:
          - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
            with:
              persist-credentials: false
          - uses: actions/setup-python@ece7cb06caefa5fff74198d8649806c4678c61a1 # v6.3.0
            with:
              python-version-file: ".python-version"
          - name: Install the linters
            run: python -m pip install -r requirements.txt
          - name: Run ruff
            run: ruff check .
    "#);
}

#[test]
#[expect(clippy::too_many_lines, reason = "the snapshot is a whole workflow")]
fn services_of_a_compose_file() {
    let survey = survey(&[
        (
            "compose.yaml",
            "services:\n  api:\n    build: api\n    healthcheck: { test: curl -f http://localhost:8000/health }\n  \
             worker:\n    image: ghcr.io/acme/jobs:1\n    build: { context: ., dockerfile: worker/Dockerfile, target: run }\n",
        ),
        ("api/Dockerfile", "FROM python:3.12-slim\n"),
        ("worker/Dockerfile", "FROM python:3.12-slim AS run\n"),
        ("Makefile", "test:\n\tpytest\n"),
        ("requirements.txt", "pytest\n"),
    ]);
    insta::assert_snapshot!(files(&survey), @r#"
    # The release set: promoted together or not at all.
    images:
      - ghcr.io/acme/churn-radar-api
      - ghcr.io/acme/jobs

    # Lets the gate run each image and look before it is promoted; take the `# ` of each line away.
    # What fails is rolled back as after a failed test: give the container what it needs first, see
    # https://github.com/tidegate/tidegate/blob/179e295e7c1f043766594af3dd64c327cb46b2ac/docs/how-to/probes.md
    # smoke:
    #   - { kind: http, image: ghcr.io/acme/churn-radar-api, port: 8000, path: "/health" }

    # The gate reads the test reports too: it names the tests that failed, and those that are flaky.
    require:
      reports:
        - path: "reports/junit*.xml"
          job: tests

    # A red job is often only a flaky one: it is tried once more before anything is rolled back.
    rollback:
      retries: 1
    ---
      tests:
        name: Tests
        runs-on: ubuntu-latest
        timeout-minutes: 30
        permissions:
          contents: read
        steps:
          - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
            with:
              persist-credentials: false
          - uses: actions/setup-python@ece7cb06caefa5fff74198d8649806c4678c61a1 # v6.3.0
            with:
              python-version: "3.12"
          - name: Install the Python packages
            run: python -m pip install -r requirements.txt
          - name: Run the tests
            env:
              PYTEST_ADDOPTS: --junitxml=${{ github.workspace }}/reports/junit.xml
            run: make test
          - name: Keep the test reports
            if: ${{ !cancelled() }}
            uses: actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02 # v4.6.2
            with:
              name: test-reports
              path: reports/
              if-no-files-found: ignore
              overwrite: true # a second try replaces the reports of the first

      images:
        name: Candidate images
        needs: [tests]
        runs-on: ubuntu-latest
        timeout-minutes: 60
        permissions:
          contents: read
          packages: write # the tags of the candidates
        outputs:
          # The gate promotes these digests and nothing else: a tag could have moved since.
          digests: ${{ steps.build.outputs.digests }}
        steps:
          - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
            with:
              persist-credentials: false
          - name: Log in to ghcr.io
            uses: docker/login-action@5e57cd118135c172c3672efd75eb46360885c0ef # v3.6.0
            with:
              registry: ghcr.io
              username: ${{ github.actor }}
              password: ${{ github.token }}
          - name: Build and push the candidates
            id: build
            shell: bash
            env:
              # Of each image: its name, its folder, its Dockerfile, and its stage where it has one.
              IMAGES: |
                ghcr.io/acme/churn-radar-api api api/Dockerfile
                ghcr.io/acme/jobs . worker/Dockerfile run
            run: |
              digests=
              while read -r image context dockerfile target; do
                [ -n "$image" ] || continue
                # The form of Docker: in the other one SHELL and HEALTHCHECK do not count.
                buildah build --format docker --platform linux/amd64 --tag "$image:$GITHUB_SHA" \
                  --label "org.opencontainers.image.revision=$GITHUB_SHA" \
                  --label "org.opencontainers.image.source=$GITHUB_SERVER_URL/$GITHUB_REPOSITORY" \
                  --file "$dockerfile" ${target:+--target "$target"} "$context" < /dev/null
                for tag in "$GITHUB_SHA" "${GITHUB_REF_NAME//\//-}-candidate"; do
                  rm -f "$RUNNER_TEMP/digest"
                  buildah push --digestfile "$RUNNER_TEMP/digest" "$image:$GITHUB_SHA" "docker://$image:$tag" < /dev/null
                  # Some versions of buildah end with success after a failed push, but write no digest.
                  test -s "$RUNNER_TEMP/digest"
                done
                digests+="${digests:+, }\"$image\": \"$(cat "$RUNNER_TEMP/digest")\""
              done <<< "$IMAGES"
              echo "digests={$digests}" >> "$GITHUB_OUTPUT"
    "#);
}

#[test]
fn a_dbt_project_with_its_profile() {
    let survey = survey(&[
        ("transform/dbt_project.yml", "name: radar\nprofile: radar\n"),
        (
            "transform/profiles.yml",
            "radar:\n  outputs:\n    dev: { type: duckdb }\n  x:\n    type: duckdb\n",
        ),
        ("transform/packages.yml", "packages: []\n"),
        ("docs/results/RUNS.md", LEDGER),
    ]);
    insta::assert_snapshot!(files(&survey), @r#"
    # The ledger: an entry for each release.
    ledger:
      path: docs/results/RUNS.md

    # No image is built: a release is a commit on the branch `stable`.
    images: []

    # A red job is often only a flaky one: it is tried once more before anything is rolled back.
    rollback:
      retries: 1
    ---
      dbt:
        name: dbt
        runs-on: ubuntu-latest
        timeout-minutes: 30
        permissions:
          contents: read
        steps:
          - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
            with:
              persist-credentials: false
          - uses: actions/setup-python@ece7cb06caefa5fff74198d8649806c4678c61a1 # v6.3.0
            with:
              python-version: "3.12"
          - name: Install dbt of transform
            working-directory: transform
            run: python -m pip install dbt-core dbt-duckdb
          - name: Install the dbt packages of transform
            working-directory: transform
            env:
              DBT_PROFILES_DIR: .
            run: dbt deps
          - name: Build and test the models of transform
            working-directory: transform
            env:
              DBT_PROFILES_DIR: .
            run: dbt build
    "#);
}

/// A ledger at another place.
const LEDGER: &str = "# Runs\n\n**Date**: 2026-01-01 00:00:00 UTC\n**Branch**: main\n\
    **Commit**: 1111111111111111111111111111111111111111\n**Status**: ✅ Tests Passed\n";

#[test]
fn a_second_run_has_nothing_to_do() {
    let mut survey = survey(&[("Dockerfile", "FROM python:3.12\n"), TEST]);
    survey.branch = Some("trunk".to_owned());
    let files = || render(&design(&survey, &Wishes::default()).unwrap());
    let first = files();
    let there = first.iter().map(|file| Some(file.text.clone())).collect();
    assert!(compare(files(), there).iter().all(|own| own.change == Change::Same));

    // What was written is what the second run goes by.
    let mut again = survey.clone();
    again.config = Some(Config::parse(first[0].text.as_bytes(), "x").unwrap());
    again.branch = Some("feature".to_owned());
    let second = render(&design(&again, &Wishes::default()).unwrap());
    assert_eq!(first, second);
    assert!(first[0].text.contains("\nbranch: trunk\n"), "{}", first[0].text);
}

#[test]
fn without_tests_nothing_is_designed() {
    let empty = survey(&[("app.py", "print(1)\n"), ("Dockerfile", "FROM scratch\n")]);
    assert_eq!(design(&empty, &Wishes::default()), Err(InitError::NoTests));
    let wishes = Wishes { test: Some("./check.sh".to_owned()), ..Wishes::default() };
    assert_eq!(design(&empty, &wishes).unwrap().test_command(), Some("./check.sh"));
    for test in ["", " ", "a\u{1b}b", "echo ${{ github.head_ref }}"] {
        let wishes = Wishes { test: Some(test.to_owned()), ..Wishes::default() };
        assert!(matches!(design(&empty, &wishes), Err(InitError::Unfit { .. })), "{test}");
    }
    for action in ["", "a/b", "a@b", "a/b@c d", "a/b@c\n- run: id", "a/b/c@d", "a/b@${{ x }}"] {
        let wishes = Wishes {
            action: Some(action.to_owned()),
            test: Some("x".to_owned()),
            ..Wishes::default()
        };
        assert!(matches!(design(&empty, &wishes), Err(InitError::Unfit { .. })), "{action}");
    }
}
