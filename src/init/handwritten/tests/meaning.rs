//! What a pipeline meant is what the rewritten one means, or a person is told.

use super::{found, left, rewritten};

/// A workflow with these jobs behind one that tests, two spaces deep.
fn with(jobs: &str) -> String {
    format!(
        "name: CI\non:\n  push:\n    branches: [main]\npermissions:\n  contents: read\njobs:\n  tests:\n    runs-on: ubuntu-latest\n    steps:\n      - run: pytest\n{jobs}"
    )
}

const PROMOTE: &str = "  promote:\n    needs: tests\n    runs-on: ubuntu-latest\n    steps:\n      - run: git push origin HEAD:stable\n";

/// On green it is skipped, and a skipped job that is required holds every promotion.
#[test]
fn the_gate_waits_for_no_job_that_runs_on_red_only() {
    let text = with(&format!(
        "{PROMOTE}  rollback:\n    needs: [tests, promote]\n    if: failure() && github.ref == 'refs/heads/main'\n    runs-on: ubuntu-latest\n    steps:\n      - run: curl -d red https://chat.example\n      - run: |\n          git revert --no-edit HEAD\n          git push origin main\n"
    ));
    let own = found(&text);
    assert_eq!(own.needs, ["tests"], "{}", rewritten(&text));
    let new = rewritten(&text);
    assert!(new.contains("https://chat.example"), "{new}");
    assert!(
        new.contains(
            "if: ${{ !cancelled() && needs.gate.outputs.verdict == 'rollback' && github.ref == 'refs/heads/main' }}"
        ),
        "{new}"
    );
}

/// It must not become a message about promotions.
#[test]
fn a_message_about_failures_stays_one() {
    let notify = |condition: &str| {
        with(&format!(
            "{PROMOTE}  notify:\n    needs: [tests, promote]\n    if: {condition}\n    runs-on: ubuntu-latest\n    steps:\n      - run: curl -d red https://chat.example\n"
        ))
    };
    for condition in ["failure()", "${{ failure() && github.ref == 'refs/heads/main' }}"] {
        let text = notify(condition);
        let new = rewritten(&text);
        let job = format!("  notify:\n    needs: [tests, gate]\n    if: {condition}\n");
        assert!(new.contains(&job), "{new}");
        assert_eq!(left(&found(&text)), "", "{condition}");
    }
    let new = rewritten(&notify("success()"));
    assert!(new.contains("    if: ${{ needs.gate.outputs.verdict == 'promote' }}"), "{new}");
}

#[test]
fn a_condition_of_a_removed_job_is_left_to_a_person() {
    let job = |condition: &str| {
        with(&PROMOTE.replace("    runs-on", &format!("    if: {condition}\n    runs-on")))
    };
    for condition in [
        "vars.RELEASES == 'on'",
        "github.ref == 'refs/heads/main' && !contains(github.event.head_commit.message, 'no release')",
        "${{ success() && github.actor != 'dependabot[bot]' }}",
    ] {
        let text = left(&found(&job(condition)));
        assert!(text.contains("job promote had a condition of its own"), "{condition}: {text}");
    }
    for condition in [
        "success()",
        "${{ !cancelled() && github.event_name == 'push' }}",
        "github.ref == 'refs/heads/main' && needs.tests.result == 'success'",
        "always() && (needs.tests.result == 'failure' || needs.tests.result == 'cancelled')",
    ] {
        assert_eq!(left(&found(&job(condition))), "", "{condition}");
    }
}

/// A check beside the commands that release is a check still.
#[test]
fn a_check_in_a_job_that_promotes_is_kept() {
    for check in [
        "jq -e '.f1 >= 0.8' reports/summary.json",
        "F1=$(jq .f1 m.json)\n          if [ \"$F1\" -lt 80 ]; then echo too low; exit 1; fi",
        "test -s reports/model.bin",
        "grep -q PASS reports/summary.txt",
        "grep -q FAIL log.txt && exit 1 || true",
    ] {
        let steps = format!("    steps:\n      - name: Check\n        run: |\n          {check}\n");
        let text = with(&PROMOTE.replace("    steps:\n", &steps));
        let own = found(&text);
        assert!(own.removed.is_empty(), "{check}");
        assert_eq!(own.needs, ["tests", "promote"], "{check}");
        let new = rewritten(&text);
        assert!(new.contains(check) && !new.contains("HEAD:stable"), "{new}");
    }
}

/// A password goes to the registry that it is for, and to no other.
#[test]
fn the_gate_gets_the_login_of_its_own_registry() {
    let login = |registry: &str, user: &str, password: &str| {
        format!(
            "      - uses: docker/login-action@v3\n        with:\n{registry}          username: ${{{{ {user} }}}}\n          password: ${{{{ {password} }}}}\n"
        )
    };
    let hub = login("", "secrets.HUB_USER", "secrets.HUB_TOKEN");
    let own = login("          registry: ${{ env.HOST }}\n", "vars.R_USER", "secrets.R_PASSWORD");
    let image = |host: &str, logins: &str| {
        with(&format!(
            "  image:\n    needs: tests\n    runs-on: ubuntu-latest\n    env:\n      HOST: {host}\n    steps:\n{logins}      - uses: docker/build-push-action@v6\n        with: {{ push: true, tags: '{host}/acme/app:x' }}\n  promote:\n    needs: image\n    runs-on: ubuntu-latest\n    env:\n      HOST: {host}\n    steps:\n{logins}      - run: crane tag {host}/acme/app:x stable\n"
        ))
    };
    let gate = |text: &str| {
        let new = rewritten(text);
        let from = new.find("  gate:\n").expect("a gate");
        new[from..].split("\n\n").next().unwrap_or_default().to_owned()
    };
    let new = gate(&image("r.acme.io", &format!("{hub}{own}")));
    assert!(new.contains("registry-user: ${{ vars.R_USER }}"), "{new}");
    assert!(new.contains("registry-password: ${{ secrets.R_PASSWORD }}"), "{new}");
    let new = gate(&image("ghcr.io", &hub));
    assert!(new.contains("registry-password: ${{ github.token }}"), "{new}");

    // GitHub's token is nothing for a registry of others.
    let text = image("r.acme.io", &hub);
    let new = gate(&text);
    assert!(!new.contains("registry-password"), "{new}");
    assert!(left(&found(&text)).contains("no login for r.acme.io"), "{}", left(&found(&text)));
}

#[test]
fn the_token_of_another_repository_stays_out_of_the_gate() {
    let checkout = "    steps:\n      - uses: actions/checkout@v4\n        with:\n          repository: acme/deploy\n          token: ${{ secrets.DEPLOY_TOKEN }}\n";
    let new = rewritten(&with(&PROMOTE.replace("    steps:\n", checkout)));
    assert!(!new.contains("DEPLOY_TOKEN"), "{new}");
}

/// The last of them would pass for all.
#[test]
fn images_that_a_loop_pushes_are_left_to_a_person() {
    let text = with(
        "  images:\n    needs: tests\n    runs-on: ubuntu-latest\n    steps:\n      - run: |\n          for svc in api web; do\n            docker build -t \"ghcr.io/acme/$svc:x\" $svc\n            docker push \"ghcr.io/acme/$svc:x\"\n          done\n  promote:\n    needs: images\n    runs-on: ubuntu-latest\n    steps:\n      - run: crane tag ghcr.io/acme/api:x stable\n",
    );
    let own = left(&found(&text));
    assert!(own.contains("job images does not hand over the digest"), "{own}");
    assert!(own.contains("in a loop"), "{own}");
}

#[test]
fn a_branch_with_a_quote_does_not_end_the_condition() {
    let text = with(PROMOTE).replace("on:\n  push:\n    branches: [main]\n", "on: [push]\n");
    let config = crate::config::Config {
        branch: "it's".parse().expect("a branch"),
        ..crate::config::Config::default()
    };
    let workflow = super::Workflow::parse(super::PATH, text.as_bytes()).expect("a workflow");
    let own = super::find(&workflow, &text, &config, super::ACTION).expect("it releases");
    let new = own.rewritten.expect("a gate");
    assert!(new.contains("github.ref == 'refs/heads/it''s' }}"), "{new}");
}

/// A test of what is live already cannot decide any more.
#[test]
fn a_job_that_took_back_what_failed_after_the_release_is_missed() {
    let text = with(&format!(
        "{PROMOTE}  smoke:\n    needs: promote\n    runs-on: ubuntu-latest\n    steps:\n      - run: ./smoke.sh\n  undo:\n    needs: [promote, smoke]\n    if: failure()\n    runs-on: ubuntu-latest\n    steps:\n      - run: crane tag ghcr.io/acme/app:good latest\n"
    ));
    let text = left(&found(&text));
    assert!(text.contains("job undo took a release back when job smoke failed"), "{text}");
}

/// Many write the dashes of a list below the first letter of its key.
#[test]
fn lists_as_deep_as_their_key_are_rewritten_too() {
    let text = "name: CI\non:\n  push:\n    branches:\n    - main\npermissions:\n  contents: read\njobs:\n  tests:\n    runs-on: ubuntu-latest\n    steps:\n    - uses: actions/checkout@v4\n    - run: pytest\n  build:\n    needs:\n    - tests\n    runs-on: ubuntu-latest\n    permissions:\n      packages: write\n    steps:\n    - name: Build\n      uses: docker/build-push-action@v6\n      with:\n        push: true\n        tags: ghcr.io/acme/app:x\n  promote:\n    needs:\n    - tests\n    # The image.\n    - build\n    runs-on: ubuntu-latest\n    steps:\n    - uses: actions/checkout@v4\n    - run: |\n        docker pull ghcr.io/acme/app:x\n        docker tag ghcr.io/acme/app:x ghcr.io/acme/app:latest\n        docker push ghcr.io/acme/app:latest\n    # The server fetches it.\n    - name: Deploy\n      uses: appleboy/ssh-action@v1\n  announce:\n    needs:\n    - promote\n    runs-on: ubuntu-latest\n    steps:\n    - run: echo out\n";
    let own = found(text);
    assert_eq!(
        (own.needs.as_slice(), left(&own).as_str()),
        (&["tests".to_owned(), "build".to_owned()][..], "")
    );
    insta::assert_snapshot!(super::changes(text, &rewritten(text)));
}
