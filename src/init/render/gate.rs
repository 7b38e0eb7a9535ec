//! `release-gate.yml`: the jobs that have to succeed, the images, and the gate.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::LoginNeeded;
use super::steps::{checkout, job};
use crate::init::design::{Build, Design};
use crate::init::quote::{branch_pattern, comment, scalar};
use crate::model::ImageRef;
use crate::pin;

/// GitHub's registry, whose login is the job's token.
const GHCR: &str = "ghcr.io";

pub(super) fn render(design: &Design) -> String {
    let mut text = format!(
        "# The release gate. A commit whose jobs succeed is promoted: {}\n\
         # A commit that fails is rolled back on {}, and what users get stays as it is.\n\
         #\n\
         # Settings are in .github/tidegate.yml. `tidegate doctor` checks both files.\n\
         name: Release gate\n\
         \n\
         on:\n  push:\n    branches: [{}]\n\
         \n\
         # Each job asks for what it needs, and gets nothing else.\n\
         permissions: {{}}\n\
         \n\
         jobs:\n",
        if design.builds.is_empty() {
            "the branch `stable` moves to it."
        } else {
            "its images become `stable` and `latest`."
        },
        comment(design.branch.as_str()),
        scalar(&branch_pattern(design.branch.as_str())),
    );
    for (at, own) in design.jobs.iter().enumerate() {
        let reports = design.report.as_ref().is_some_and(|report| report.job == own.id);
        let job = job(own, reports);
        // The first stands right below `jobs:`.
        text.push_str(if at == 0 { job.trim_start_matches('\n') } else { &job });
    }
    if !design.builds.is_empty() {
        text.push_str(&images(design));
    }
    text.push_str(&gate(design));
    text
}

fn hosts(design: &Design) -> BTreeSet<&str> {
    design
        .builds
        .iter()
        .filter_map(|build| match &build.image {
            ImageRef::Registry { host, .. } => Some(host.as_str()),
            ImageRef::Layout(_) => None,
        })
        .collect()
}

/// User and password of a registry, as expressions: GitHub's own token, or two secrets.
fn login(host: &str, alone: bool) -> (String, String) {
    if host == GHCR {
        return ("${{ github.actor }}".to_owned(), "${{ github.token }}".to_owned());
    }
    let own: String = host
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
        .collect();
    let suffix = if alone { String::new() } else { format!("_{own}") };
    (
        // No secret: GitHub drops outputs that hold a secret's value, and a name of an image may.
        format!("${{{{ vars.REGISTRY_USER{suffix} }}}}"),
        format!("${{{{ secrets.REGISTRY_PASSWORD{suffix} }}}}"),
    )
}

/// Whether there is one registry besides GitHub's.
fn is_alone(design: &Design) -> bool {
    hosts(design).iter().filter(|host| **host != GHCR).count() == 1
}

/// Logs in to these registries.
fn login_steps<'a>(design: &Design, hosts: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for host in hosts {
        let (user, password) = login(host, is_alone(design));
        let _ = write!(
            text,
            "      - name: Log in to {host}\n        uses: {}\n        with:\n          \
             registry: {}\n          username: {user}\n          password: {password}\n",
            pin::LOGIN,
            scalar(host)
        );
    }
    text
}

/// Lists the registries besides GitHub's, with the names of their variables and secrets.
pub(super) fn logins(design: &Design) -> Vec<LoginNeeded> {
    let bare = |expression: &str| {
        let name = expression.trim_matches(['$', '{', '}', ' ']).split_once('.');
        name.map_or("", |(_, name)| name).to_owned()
    };
    let others = hosts(design).into_iter().filter(|host| *host != GHCR);
    others
        .map(|host| {
            let (user, password) = login(host, is_alone(design));
            LoginNeeded { host: host.to_owned(), user: bare(&user), password: bare(&password) }
        })
        .collect()
}

/// The registry that the action's inputs are for: GitHub's, or the only one.
fn host_of_inputs(design: &Design) -> Option<&str> {
    let hosts = hosts(design);
    let ghcr = hosts.iter().find(|host| **host == GHCR);
    ghcr.or_else(|| hosts.first().filter(|_| hosts.len() == 1)).copied()
}

/// The inputs of the action that log in.
pub(super) fn login_inputs(design: &Design) -> String {
    let Some(host) = host_of_inputs(design) else { return String::new() };
    let (user, password) = login(host, is_alone(design));
    let mut text =
        format!("          registry-user: {user}\n          registry-password: {password}\n");
    if hosts(design).len() > 1 {
        let _ = writeln!(text, "          registry-host: {}", scalar(host));
    }
    text
}

fn images(design: &Design) -> String {
    let needs: Vec<&str> = design.jobs.iter().map(|job| job.id).collect();
    let packages = if hosts(design).contains(GHCR) {
        "      packages: write # the tags of the candidates\n"
    } else {
        ""
    };
    let many = design.builds.len() > 1;
    let output = if many { "digests" } else { "digest" };
    let (title, why) = if many {
        ("Candidate images", "these digests and nothing else")
    } else {
        ("Candidate image", "this digest and nothing else")
    };
    let mut text = format!(
        "\n  images:\n    name: {title}\n    needs: [{}]\n    runs-on: ubuntu-latest\n    \
         timeout-minutes: 60\n    permissions:\n      contents: read\n{packages}    outputs:\n      \
         # The gate promotes {why}: a tag could have moved since.\n      \
         {output}: ${{{{ steps.build.outputs.{output} }}}}\n    steps:\n{}{}",
        needs.join(", "),
        checkout(),
        login_steps(design, hosts(design).into_iter()),
    );
    text.push_str(&if many { build_many(&design.builds) } else { build_one(&design.builds) });
    text
}

fn build_one(builds: &[Build]) -> String {
    let Some(build) = builds.first() else { return String::new() };
    let target = build.target.as_deref();
    let mut env = format!("          IMAGE: {}\n", scalar(&build.image.to_string()));
    let _ = writeln!(env, "          CONTEXT: {}", scalar(&build.context));
    let _ = writeln!(env, "          DOCKERFILE: {}", scalar(&build.dockerfile));
    if let Some(target) = target {
        let _ = writeln!(env, "          TARGET: {}", scalar(target));
    }
    let option = if target.is_some() { " --target \"$TARGET\"" } else { "" };
    format!(
        "      - name: Build and push the candidate\n        id: build\n        shell: bash\n        \
         env:\n{env}        run: |\n{}          \
         echo \"digest=$(cat \"$RUNNER_TEMP/digest\")\" >> \"$GITHUB_OUTPUT\"\n",
        script("          ", "$IMAGE", "$DOCKERFILE", "$CONTEXT", option)
    )
}

fn build_many(builds: &[Build]) -> String {
    let mut list = String::new();
    for build in builds {
        let target = build.target.as_deref().map(|own| format!(" {own}")).unwrap_or_default();
        let _ = writeln!(
            list,
            "            {} {} {}{target}",
            build.image, build.context, build.dockerfile
        );
    }
    format!(
        "      - name: Build and push the candidates\n        id: build\n        shell: bash\n        \
         env:\n          # Of each image: its name, its folder, its Dockerfile, and its stage where it has one.\n          \
         IMAGES: |\n{list}        run: |\n          digests=\n          \
         while read -r image context dockerfile target; do\n            [ -n \"$image\" ] || continue\n{}            \
         digests+=\"${{digests:+, }}\\\"$image\\\": \\\"$(cat \"$RUNNER_TEMP/digest\")\\\"\"\n          \
         done <<< \"$IMAGES\"\n          \
         echo \"digests={{$digests}}\" >> \"$GITHUB_OUTPUT\"\n",
        script(
            "            ",
            "$image",
            "$dockerfile",
            "$context",
            " ${target:+--target \"$target\"}"
        )
    )
}

/// Builds one image, and pushes it by both of its tags.
fn script(indent: &str, image: &str, dockerfile: &str, context: &str, target: &str) -> String {
    let lines = [
        "# The form of Docker: in the other one SHELL and HEALTHCHECK do not count.".to_owned(),
        format!(
            "buildah build --format docker --platform linux/amd64 --tag \"{image}:$GITHUB_SHA\" \\"
        ),
        "  --label \"org.opencontainers.image.revision=$GITHUB_SHA\" \\".to_owned(),
        "  --label \"org.opencontainers.image.source=$GITHUB_SERVER_URL/$GITHUB_REPOSITORY\" \\"
            .to_owned(),
        format!("  --file \"{dockerfile}\"{target} \"{context}\" < /dev/null"),
        "for tag in \"$GITHUB_SHA\" \"${GITHUB_REF_NAME//\\//-}-candidate\"; do".to_owned(),
        "  rm -f \"$RUNNER_TEMP/digest\"".to_owned(),
        format!(
            "  buildah push --digestfile \"$RUNNER_TEMP/digest\" \"{image}:$GITHUB_SHA\" \"docker://{image}:$tag\" < /dev/null"
        ),
        "  # Some versions of buildah end with success after a failed push, but write no digest."
            .to_owned(),
        "  test -s \"$RUNNER_TEMP/digest\"".to_owned(),
        "done".to_owned(),
    ];
    lines.iter().fold(String::new(), |text, line| text + indent + line + "\n")
}

fn gate(design: &Design) -> String {
    let mut needs: Vec<&str> = design.jobs.iter().map(|job| job.id).collect();
    let with_images = !design.builds.is_empty();
    if with_images {
        needs.push("images");
    }
    let packages = if hosts(design).contains(GHCR) {
        "      packages: write # the tags `stable` and `latest`\n"
    } else {
        ""
    };
    let of_inputs = host_of_inputs(design);
    let others = hosts(design).into_iter().filter(|host| Some(*host) != of_inputs);
    let reports = if design.report.is_some() {
        format!(
            "      - name: Fetch the test reports\n        uses: {}\n        with:\n          \
             pattern: test-reports\n          path: reports\n          merge-multiple: true\n",
            pin::DOWNLOAD_ARTIFACT
        )
    } else {
        String::new()
    };
    let digests = if with_images { ", and with them the digests of the images" } else { "" };
    format!(
        "\n  gate:\n    name: Gate\n    needs: [{needs}]\n    \
         # Without this line the gate would be skipped on red, when it is needed most.\n    \
         if: ${{{{ !cancelled() }}}}\n    runs-on: ubuntu-latest\n    timeout-minutes: 30\n    \
         # One gate at a time, in order of arrival, and none is dropped.\n    \
         concurrency:\n      group: release-gate-${{{{ github.ref }}}}\n      \
         cancel-in-progress: false\n      queue: max\n    \
         permissions:\n      \
         contents: write # the ledger, the branches `stable` and `tidegate`, a rollback commit\n\
         {packages}      \
         issues: write # one issue about a rollback, closed by the next promotion\n      \
         pull-requests: write # a rollback as a pull request, where {branch} is protected\n      \
         actions: write # what passed, and another try of failed jobs\n    \
         steps:\n      \
         - uses: {checkout}\n        with:\n          fetch-depth: 0\n          \
         persist-credentials: false\n\
         {reports}{logins}      \
         # Addresses for `notify` and hooks in .github/tidegate.yml go into an `env:` of this step, from\n      \
         # secrets: `SLACK_WEBHOOK: ${{{{ secrets.SLACK_WEBHOOK }}}}`.\n      \
         - name: Promote, hold or roll back\n        uses: {action}\n        with:\n          \
         token: ${{{{ github.token }}}}\n          \
         # The results of the jobs{digests}.\n          \
         needs: ${{{{ toJSON(needs) }}}}\n{inputs}",
        needs = needs.join(", "),
        branch = comment(design.branch.as_str()),
        checkout = pin::CHECKOUT,
        logins = login_steps(design, others),
        action = design.action,
        inputs = login_inputs(design),
    )
}
