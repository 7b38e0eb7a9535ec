//! The five repositories.

use super::{Shape, story};

/// What pins the actions of the pipeline that was written by hand; the commits are those of the
/// versions, and zizmor wants no credentials to stay in a checkout.
const CHECKOUT: &str = "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
        with:
          persist-credentials: false";
const LOGIN: &str = "docker/login-action@5e57cd118135c172c3672efd75eb46360885c0ef # v3.6.0";
const BUILD_AND_PUSH: &str =
    "docker/build-push-action@263435318d21b8e681c14492fe198d362a7d2c83 # v6.18.0";

#[test]
fn streamlit_only() {
    story(&Shape {
        folder: "streamlit",
        gate: "release-gate.yml",
        arguments: &[],
        jobs: &["Tests"],
        later: &[],
        after: &[],
        images: &[],
        bases: &[],
        mistake: ("dashboard/kpi.py", "* int(", "+ int("),
        fails: "Tests",
        installs: &["-r requirements.txt", "-r requirements-dev.txt"],
        advice: &[],
    });
}

#[test]
fn fastapi_with_compose() {
    story(&Shape {
        folder: "fastapi-compose",
        gate: "release-gate.yml",
        arguments: &[],
        jobs: &["Tests", "Code quality", "Candidate images"],
        later: &["Candidate images"],
        after: &[],
        images: &["acme/app-api", "acme/app-worker"],
        bases: &["python:3.12-slim"],
        mistake: ("app/pricing.py", "quantity >= 100", "quantity > 100"),
        fails: "Tests",
        installs: &["-r requirements-dev.txt"],
        advice: &[],
    });
}

#[test]
fn dbt_project() {
    story(&Shape {
        folder: "dbt",
        gate: "release-gate.yml",
        arguments: &[],
        jobs: &["dbt"],
        later: &[],
        after: &[],
        images: &[],
        bases: &[],
        mistake: ("models/marts/fct_revenue.sql", "sum(amount)", "-sum(amount)"),
        fails: "dbt",
        installs: &["-r requirements.txt"],
        advice: &[],
    });
}

#[test]
fn monorepo() {
    story(&Shape {
        folder: "monorepo",
        gate: "release-gate.yml",
        arguments: &[],
        jobs: &["Tests", "Candidate images"],
        later: &["Candidate images"],
        after: &[],
        images: &["acme/app-api", "acme/app-web"],
        bases: &["python:3.12-slim", "node:22-slim"],
        mistake: ("libs/pricing/pricing/__init__.py", "price * quantity", "price + quantity"),
        fails: "Tests",
        installs: &["-r requirements-dev.txt", "-e .[test]"],
        advice: &[],
    });
}

#[test]
fn a_gate_written_by_hand() {
    story(&Shape {
        folder: "hand-written",
        gate: "ci-cd.yml",
        arguments: &["--force"],
        jobs: &["Data and model tests", "Code quality", "Build the candidate"],
        later: &["Build the candidate"],
        after: &["Announce the release"],
        images: &["acme/app"],
        bases: &["python:3.12-slim"],
        mistake: ("app.py", "0.2 * complaints", "0.3 * complaints + months"),
        fails: "Data and model tests",
        installs: &["-r requirements.txt"],
        advice: &[
            ("actions/checkout@v4", CHECKOUT),
            ("docker/login-action@v3", LOGIN),
            ("docker/build-push-action@v6", BUILD_AND_PUSH),
        ],
    });
}
