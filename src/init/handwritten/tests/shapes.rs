//! Other shapes of hand-written pipelines.

use super::{changes, found, left, look, rewritten};

/// A workflow with these jobs, two spaces deep.
fn with(jobs: &str) -> String {
    format!(
        "name: CI\non:\n  push:\n    branches: [main]\npermissions:\n  contents: read\njobs:\n{jobs}"
    )
}

const TESTS: &str = "  tests:\n    runs-on: ubuntu-latest\n    steps:\n      - run: pytest\n";

fn promote(script: &str) -> String {
    let script = script.replace('\n', "\n          ");
    format!(
        "  promote:\n    needs: tests\n    runs-on: ubuntu-latest\n    steps:\n      - run: |\n          {script}\n"
    )
}

#[test]
fn workflows_that_do_not_release_are_left_alone() {
    let job = |script: &str| with(&format!("{TESTS}{}", promote(script)));
    for text in [
        with(TESTS),
        // Documentation, versions and images that are only built.
        job("mkdocs build\ngit push --force origin gh-pages"),
        job("npm version patch\ngit commit -am 'Release [skip ci]'\ngit push"),
        job("docker build -t ghcr.io/a/b:latest .\ndocker push ghcr.io/a/b:latest"),
        job("git push origin v1.0.0"),
        job("git revert --help"),
        with("  tests: run\n  other: 3\n  third: [a, b]\n  fourth:\n"),
        "on: { push: { tags: ['v*'] } }\njobs:\n  a:\n    steps:\n      - run: crane copy a:1 a:stable\n".to_owned(),
        "jobs: {}\n".to_owned(),
    ] {
        assert_eq!(look(&text), None, "{text}");
    }
}

#[test]
fn every_way_to_move_a_tag_or_a_branch_is_known() {
    for script in [
        "crane copy ghcr.io/a/b:x ghcr.io/a/b:stable",
        "crane tag ghcr.io/a/b:x latest",
        "skopeo copy --all docker://ghcr.io/a/b:x docker://ghcr.io/a/b:stable",
        "docker buildx imagetools create -t ghcr.io/a/b:stable ghcr.io/a/b:x",
        "regctl image copy ghcr.io/a/b:x ghcr.io/a/b:stable",
        "oras tag ghcr.io/a/b:x stable",
        "docker pull a:x && docker tag a:x a:latest && docker push a:latest",
        "for tag in stable latest; do docker tag a:x \"a:$tag\"; done; docker push a:stable",
        "git push origin HEAD:stable",
        "git push -f origin main:refs/heads/stable",
        "git checkout -B stable\ngit push origin stable",
        "TAG=stable\ncrane copy \"$IMAGE:x\" \"$IMAGE:$TAG\"",
        "git reset --hard HEAD~1\ngit push -f",
        "git revert --no-edit HEAD\ngit push",
        "git checkout abc -- .\ngit commit -m back\ngit push origin HEAD:main",
        "echo entry >> docs/ML_EXPERIMENT_RESULTS.md\ngit push",
        "printf '**Status**: ✅ Tests Passed' | tee -a docs/ML_EXPERIMENT_RESULTS.md",
        "{ echo a; echo b; } >> ./docs/ML_EXPERIMENT_RESULTS.md",
    ] {
        let text = with(&format!("{TESTS}{}", promote(script)));
        let found = found(&text);
        assert_eq!(found.removed, ["promote"], "{script}");
        assert_eq!(found.needs, ["tests"], "{script}");
        rewritten(&text);
    }
}

/// A job of a repository, and what becomes of the whole workflow.
#[track_caller]
fn changed(jobs: &str) -> (String, String) {
    let text = with(jobs);
    let own = found(&text);
    (changes(&text, &rewritten(&text)), left(&own))
}

#[test]
fn only_the_steps_that_promote_go_from_a_job_that_tests() {
    let (changes, left) = changed(
        "  ci:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: pytest

      # Users get it.
      - name: Promote
        if: success()
        run: git push origin HEAD:stable

      - name: Roll back
        if: failure()
        run: |
          git revert --no-edit HEAD
          git push origin main
  site:
    needs: ci
    runs-on: ubuntu-latest
    steps:
      - run: ./publish.sh
",
    );
    assert_eq!(left, "");
    insta::assert_snapshot!(changes);
}

#[test]
fn a_message_after_a_rollback_stays_and_follows_the_gate() {
    let (changes, left) = changed(&format!(
        "{TESTS}
  rollback:
    needs:
      - tests
    if: failure()
    runs-on: [self-hosted, linux]
    steps:
      - uses: actions/checkout@v4
        with:
          token: ${{{{ secrets.BOT_TOKEN }}}}
      - run: |
          git revert HEAD
          git push --force origin main
      - name: Tell Slack
        uses: slackapi/slack-github-action@v1
"
    ));
    assert_eq!(left, "");
    insta::assert_snapshot!(changes);
}

/// As the starter workflows of GitHub are written.
#[test]
fn lists_may_stand_as_deep_as_their_keys() {
    let text = "on:\n  push:\n    branches:\n    - main\npermissions:\n  contents: read\njobs:\n  tests:\n    runs-on: ubuntu-latest\n    steps:\n    - uses: actions/checkout@v4\n      with:\n        fetch-depth: 1\n    # All.\n    - run: pytest\n  build:\n    needs:\n    - tests\n    runs-on: ubuntu-latest\n    steps:\n    - name: Push\n      uses: docker/build-push-action@v6\n      with: { push: true, tags: 'ghcr.io/acme/app:x' }\n  promote:\n    needs:\n    - tests\n    - build\n    runs-on: ubuntu-latest\n    steps:\n    - run: |\n        crane copy ghcr.io/acme/app:x ghcr.io/acme/app:stable\n  tell:\n    needs:\n    - promote\n    runs-on: ubuntu-latest\n    steps:\n    - run: make noise\n";
    let own = found(text);
    assert_eq!((left(&own).as_str(), own.removed.as_slice()), ("", &["promote".to_owned()][..]));
    let new = rewritten(text);
    for kept in [
        "    - main\n",
        "    # All.\n    - run: pytest\n",
        "      id: build\n",
        "    needs: gate\n",
    ] {
        assert!(new.contains(kept), "{kept}\n{new}");
    }
}

#[test]
fn what_came_after_a_promotion_keeps_its_branch_and_event() {
    let after = |id: &str, condition: &str| {
        format!(
            "  {id}:\n    needs: promote\n    if: {condition}\n    runs-on: ubuntu-latest\n    steps:\n      - run: make {id}\n"
        )
    };
    let new = rewritten(&with(&format!(
        "{TESTS}{}{}{}",
        promote("git push origin HEAD:stable"),
        after("weekly", "github.event_name == 'schedule'"),
        after("site", "\"${{ success() && github.ref == 'refs/heads/a #b' }}\""),
    )));
    let asks = "needs.gate.outputs.verdict == 'promote'";
    for line in [
        format!("    if: ${{{{ {asks} && github.event_name == 'schedule' }}}}\n"),
        format!("    if: \"${{{{ {asks} && github.ref == 'refs/heads/a #b' }}}}\"\n"),
    ] {
        assert!(new.contains(&line), "{line}\n{new}");
    }
}

#[test]
fn images_pushed_by_a_script_hand_over_their_digest() {
    let (changes, left) = changed(&format!(
        "{TESTS}
  image:
    needs: [tests]
    runs-on: ubuntu-latest
    outputs:
      # For the site.
      version: ${{{{ steps.version.outputs.version }}}}
    steps:
      - name: Build
        run: |
          IMAGE=ghcr.io/${{GITHUB_REPOSITORY,,}}
          docker build -t \"$IMAGE:$GITHUB_SHA\" -t \"$IMAGE:main-candidate\" .
          docker push \"$IMAGE:main-candidate\"
          docker push \"$IMAGE:$GITHUB_SHA\"

  promote:
    needs: [image]
    runs-on: ubuntu-latest
    steps:
      - run: docker buildx imagetools create -t ghcr.io/a/b:stable ghcr.io/a/b:$GITHUB_SHA
"
    ));
    assert_eq!(left, "");
    insta::assert_snapshot!(changes);
}

#[test]
fn several_images_hand_over_a_map() {
    let step = |name: &str| {
        format!(
            "      - name: {name}\n        uses: docker/build-push-action@v6\n        with: {{ push: true, tags: 'ghcr.io/acme/{name}:x' }}\n"
        )
    };
    let (changes, left) = changed(&format!(
        "{TESTS}  images:\n    needs: tests\n    runs-on: ubuntu-latest\n    steps:\n{}{}  worker:\n    needs: tests\n    runs-on: ubuntu-latest\n    steps:\n      - run: docker buildx build --push -t ghcr.io/acme/worker:x .\n  promote:\n    needs: [images, worker]\n    runs-on: ubuntu-latest\n    steps:\n      - run: crane tag ghcr.io/acme/api:x stable\n",
        step("api"),
        step("web")
    ));
    assert_eq!(left, "");
    insta::assert_snapshot!(changes);
}

#[test]
fn what_cannot_be_taken_out_safely_is_left_and_said() {
    let promote = "  promote:\n    needs: tests\n    runs-on: ubuntu-latest\n    steps:\n      - run: git push origin HEAD:stable\n";
    let mixed = with(&format!(
        "{TESTS}{promote}  ledger:\n    needs: promote\n    runs-on: ubuntu-latest\n    steps:\n      - run: |\n          python train.py\n          echo x >> docs/ML_EXPERIMENT_RESULTS.md\n"
    ));
    let own = found(&mixed);
    assert_eq!(own.removed, ["promote"]);
    assert!(
        left(&own).contains("job ledger still releases or takes back (21-23)"),
        "{}",
        left(&own)
    );

    // Steps after it read what it hands on.
    let used = with(&format!(
        "{TESTS}{promote}  rollback:\n    needs: tests\n    if: failure()\n    runs-on: ubuntu-latest\n    steps:\n      - id: good\n        run: git revert HEAD && git push\n      - run: curl -d ${{{{ steps.good.outputs.x }}}} https://example.com\n"
    ));
    assert!(left(&found(&used)).contains("job rollback still releases"), "{}", left(&found(&used)));

    // An anchor that another job uses.
    let anchored = with(&format!(
        "{TESTS}  promote:\n    needs: tests\n    runs-on: &machine ubuntu-latest\n    steps:\n      - run: git push origin HEAD:stable\n  ledger:\n    needs: promote\n    runs-on: *machine\n    steps:\n      - run: pytest\n"
    ));
    let own = found(&anchored);
    rewritten(&anchored);
    assert_eq!(own.removed, Vec::<String>::new());
    assert!(left(&own).contains("other parts of the file depend on it"), "{}", left(&own));
}

#[test]
fn other_styles_and_triggers_are_explained_and_not_rewritten() {
    let flow = "on: push\njobs: { tests: { steps: [{ run: pytest }] }, promote: { needs: tests, steps: [{ run: 'git push origin HEAD:stable' }] } }\n";
    let after = "on: { workflow_run: { workflows: [CI], types: [completed] } }\njobs:\n  promote:\n    steps:\n      - run: git push origin HEAD:stable\n";
    let by_hand = "on: workflow_dispatch\njobs:\n  rollback:\n    steps:\n      - run: git revert HEAD && git push\n";
    let alone =
        "on: push\njobs:\n  promote:\n    steps:\n      - run: git push origin HEAD:stable\n";
    for (text, why) in [
        (flow, "not in a form that can be edited"),
        (after, "starts on an event that may not release"),
        (by_hand, "does not start on push"),
        (alone, "no job of it tests before the release"),
    ] {
        let own = found(text);
        assert_eq!(own.rewritten, None, "{text}");
        assert!(!own.replacements.is_empty());
        assert!(left(&own).contains(why), "{}", left(&own));
    }
}

#[test]
fn a_gate_that_is_there_already_stays() {
    let text = with(&format!(
        "{TESTS}{}  gate:\n    needs: [tests]\n    if: ${{{{ !cancelled() }}}}\n    runs-on: ubuntu-latest\n    concurrency: {{ group: gate }}\n    permissions: {{ contents: write, issues: write, pull-requests: write, actions: read }}\n    steps:\n      - uses: actions/checkout@v4\n        with: {{ fetch-depth: 0, persist-credentials: false }}\n      - uses: tidegate/tidegate@main\n        with:\n          token: ${{{{ github.token }}}}\n          needs: ${{{{ toJSON(needs) }}}}\n",
        promote("git push origin HEAD:stable")
    ));
    let diff = changes(&text, &rewritten(&text));
    assert!(!diff.contains('+'), "{diff}");
}

#[test]
fn a_taken_name_is_not_taken_again() {
    let gate = TESTS.replace("  tests:", "  gate:");
    let text = with(&format!(
        "{gate}{}",
        promote("git push origin HEAD:stable").replace("needs: tests", "needs: gate")
    ));
    assert!(rewritten(&text).contains("\n  release-gate:\n"));
    // That of a job which goes is free.
    let text = with(&format!(
        "{TESTS}{}",
        promote("git push origin HEAD:stable").replace("  promote:", "  gate:")
    ));
    assert!(rewritten(&text).contains("\n  gate:\n    name: Gate\n"));
}

#[test]
fn jobs_that_had_the_default_token_are_named() {
    let jobs = format!(
        "{TESTS}{}  scan:
    needs: tests
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: acme/comment-on-pull-request@v1
  called:
    uses: ./.github/workflows/called.yml
  image:
    runs-on: ubuntu-latest
    steps:
      - uses: docker/login-action@v3
        with: {{ registry: ghcr.io, username: x, password: \"${{{{ github.token }}}}\" }}
",
        promote("git push origin HEAD:stable")
    );
    let text = with(&jobs).replace("permissions:\n  contents: read\n", "");
    let own = found(&text);
    let left = left(&own);
    for id in ["scan", "called"] {
        assert!(left.contains(&format!("job {id} may use the run's token")), "{left}");
    }
    assert_eq!(own.left.len(), 2, "{left}");
    let new = own.rewritten.expect("a text");
    assert!(new.contains("\npermissions:\n  contents: read\n\njobs:"), "{new}");
    let image = new.split("\n  image:\n").nth(1).expect("a job");
    assert!(
        image.contains("    permissions:\n      contents: read\n      packages: write"),
        "{image}"
    );
}

#[test]
fn what_removed_jobs_had_the_gate_has() {
    let text = with(&format!(
        "{TESTS}  promote:
    needs: tests
    runs-on: ${{{{ matrix.os }}}}
    environment: production
    steps:
      - uses: actions/create-github-app-token@v2
        id: app
        with: {{ app-id: \"${{{{ vars.APP_ID }}}}\", private-key: \"${{{{ secrets.APP_KEY }}}}\" }}
      - uses: actions/checkout@v4
        with: {{ token: \"${{{{ steps.app.outputs.token }}}}\" }}
      - run: git push origin HEAD:stable
"
    ));
    let new = rewritten(&text);
    for line in [
        "    runs-on: ubuntu-latest\n    timeout-minutes: 30\n",
        "          token: ${{ github.token }}\n          app-id: ${{ vars.APP_ID }}\n          app-private-key: ${{ secrets.APP_KEY }}\n",
    ] {
        assert!(new.contains(line), "{line}\n{new}");
    }
    let left = left(&found(&text));
    assert!(left.contains("job promote waited for the environment production"), "{left}");
}
