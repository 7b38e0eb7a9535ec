//! Repositories of different shapes: what is written for each is right.

use super::{FILES, init, is_right, repository, text, written};

#[test]
fn a_streamlit_app() {
    let repo = repository(&[
        ("streamlit_app.py", "import streamlit as st\nst.write(1)\n"),
        ("requirements.txt", "streamlit\n"),
        ("tests/test_app.py", "def test_x(): pass\n"),
        ("pyproject.toml", "[tool.ruff]\nline-length = 100\n"),
    ]);
    let run = init(&repo).args(["--yes"]).run().code(0);
    assert!(run.stdout.contains("  Streamlit     streamlit_app.py\n"), "{}", run.stdout);
    assert!(run.stdout.contains("deploy the branch stable"), "{}", run.stdout);
    assert!(text(&repo, FILES[0]).contains("\nimages: []\n"));
    assert!(text(&repo, FILES[1]).contains("    needs: [tests, code-quality]\n"));
    is_right(&repo);
}

#[test]
fn services_in_a_compose_file() {
    let repo = repository(&[
        (
            "docker-compose.yml",
            "services:\n  api:\n    build: ./api\n    healthcheck:\n      test: [CMD, curl, -f, 'http://localhost:8000/health']\n  \
             worker:\n    image: registry.acme.example/team/worker:3\n    build: { context: ., dockerfile: worker/Dockerfile, target: run }\n  \
             db: { image: postgres }\n",
        ),
        ("api/Dockerfile", "FROM python:3.12-slim\n"),
        ("worker/Dockerfile", "FROM python:3.12-slim AS run\n"),
        ("tests/test_app.py", "def test_x(): pass\n"),
    ]);
    let run = init(&repo).args(["--yes"]).run().code(0);
    for text in ["registry.acme.example, set the variable REGISTRY_USER", "churn-radar-api:stable"]
    {
        assert!(run.stdout.contains(text), "{}", run.stdout);
    }
    let config = text(&repo, FILES[0]);
    let check = "\n#   - { kind: http, image: ghcr.io/acme/churn-radar-api, port: 8000, path: \"/health\" }\n";
    assert!(config.contains(check), "{config}");
    assert!(config.contains("  - registry.acme.example/team/worker\n"), "{config}");
    is_right(&repo);
}

#[test]
fn a_dbt_project() {
    let repo = repository(&[
        ("transform/dbt_project.yml", "name: radar\nprofile: radar\n"),
        (
            "transform/profiles.yml",
            "radar:\n  target: dev\n  outputs:\n    dev: { type: duckdb, path: x.duckdb }\n",
        ),
        ("transform/models/a.sql", "select 1 as a\n"),
    ]);
    let run = init(&repo).args(["--yes", "--json"]).run().code(0);
    assert_eq!(written(&run), FILES);
    assert_eq!(run.json()["jobs"][0]["id"], "dbt");
    assert!(text(&repo, FILES[1]).contains("        run: dbt build\n"));
    is_right(&repo);
}

#[test]
fn a_monorepo() {
    let repo = repository(&[
        ("services/api/Dockerfile", "FROM python:3.12-slim\nCOPY services/api /app\n"),
        ("services/api/requirements.txt", "pytest\n"),
        ("services/api/tests/test_api.py", "def test_x(): pass\n"),
        ("services/web/Dockerfile", "FROM node:22\n"),
        (
            "services/web/package.json",
            "{\"scripts\":{\"test\":\"node --test\",\"lint\":\"eslint .\"}}",
        ),
        ("services/web/package-lock.json", "{}"),
        ("services/web/.nvmrc", "22\n"),
        ("vendor/x/Dockerfile", "FROM scratch\n"),
        (".gitignore", "build/\n"),
    ]);
    repo.write("build/Dockerfile", "FROM scratch\n");
    let run = init(&repo).args(["--yes", "--json"]).run().code(0);
    let images = run.json()["images"].clone();
    let images: Vec<_> = images
        .as_array()
        .unwrap()
        .iter()
        .map(|own| own["context"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(images, [".", "services/web"]);
    let gate = text(&repo, FILES[1]);
    assert!(
        gate.contains("        working-directory: services/web\n        run: npm run test\n"),
        "{gate}"
    );
    is_right(&repo);
}
