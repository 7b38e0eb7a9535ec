//! The five repositories.

use super::{Shape, story};

#[test]
fn streamlit_only() {
    story(&Shape {
        folder: "streamlit",
        gate: "release-gate.yml",
        arguments: &[],
        jobs: &["Tests"],
        later: &[],
        images: &[],
        bases: &[],
        mistake: ("dashboard/kpi.py", "* int(", "+ int("),
        fails: "Tests",
        installs: &["-r requirements.txt", "-r requirements-dev.txt"],
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
        images: &["acme/app-api", "acme/app-worker"],
        bases: &["python:3.12-slim"],
        mistake: ("app/pricing.py", "quantity >= 100", "quantity > 100"),
        fails: "Tests",
        installs: &["-r requirements-dev.txt"],
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
        images: &[],
        bases: &[],
        mistake: ("models/marts/fct_revenue.sql", "sum(amount)", "-sum(amount)"),
        fails: "dbt",
        installs: &["-r requirements.txt"],
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
        images: &["acme/app-api", "acme/app-web"],
        bases: &["python:3.12-slim", "node:22-slim"],
        mistake: ("libs/pricing/pricing/__init__.py", "price * quantity", "price + quantity"),
        fails: "Tests",
        installs: &["-r requirements-dev.txt", "-e .[test]"],
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
        images: &["acme/app"],
        bases: &["python:3.12-slim"],
        mistake: ("app.py", "0.2 * complaints", "0.3 * complaints + months"),
        fails: "Data and model tests",
        installs: &["-r requirements.txt"],
    });
}
