//! What is chosen, left out or asked for.

use super::{TEST, file, files, runs, survey};
use crate::config::Config;
use crate::doctor::workflow::Workflow;
use crate::init::survey::Survey;
use crate::init::{InitError, Wishes, design, render};

#[test]
fn images_get_names_or_are_asked_for() {
    let two = survey(&[("api/Dockerfile", ""), ("web/Dockerfile", "COPY web/ /app\n"), TEST]);
    let of = |survey: &Survey, wishes: &Wishes| {
        let builds = design(survey, wishes)?.builds.into_iter();
        Ok(builds.map(|own| format!("{} {}", own.image, own.context)).collect::<Vec<_>>())
    };
    let none = Wishes::default();
    assert_eq!(
        of(&two, &none).unwrap(),
        ["ghcr.io/acme/churn-radar-api api", "ghcr.io/acme/churn-radar-web ."]
    );
    let named = |names: &[&str]| Wishes {
        images: names.iter().map(|name| name.parse().unwrap()).collect(),
        ..Wishes::default()
    };
    let own = of(&two, &named(&["r.acme.io/a", "r.acme.io/b"])).unwrap();
    assert_eq!(own, ["r.acme.io/a api", "r.acme.io/b ."]);
    let wrong: Result<_, InitError> = of(&two, &named(&["r.acme.io/a"]));
    assert!(matches!(wrong, Err(InitError::OtherCount { names: 1, builds: 2, .. })));
    let wrong: Result<_, InitError> = of(&two, &named(&["r.acme.io/a", "r.acme.io/a"]));
    assert!(matches!(wrong, Err(InitError::Unfit { .. })), "{wrong:?}");
    let without = Wishes { without: ["web".to_owned()].into(), ..Wishes::default() };
    assert_eq!(of(&two, &without).unwrap().len(), 1);

    let mut nowhere = two.clone();
    nowhere.repository = None;
    assert!(matches!(of(&nowhere, &none), Err(InitError::NoImageName { .. })));
    let nothing = survey(&[TEST]);
    let wrong = of(&nothing, &named(&["r.acme.io/a"]));
    assert!(matches!(wrong, Err(InitError::NothingToBuild { .. })));

    // Names that would be the same are told apart.
    let same = survey(&[("a/api/Dockerfile", ""), ("b/api/Dockerfile", ""), TEST]);
    assert_eq!(
        of(&same, &none).unwrap(),
        ["ghcr.io/acme/churn-radar-api a/api", "ghcr.io/acme/churn-radar-api-2 b/api"]
    );
    // What only develops or shows something is no release.
    let aside = survey(&[
        (".devcontainer/Dockerfile", ""),
        ("docs/Dockerfile", ""),
        ("Dockerfile.dev", ""),
        ("tests/Dockerfile", ""),
        TEST,
    ]);
    assert_eq!(of(&aside, &none).unwrap(), Vec::<String>::new());
}

#[test]
fn hostile_names_stay_out_of_the_workflow() {
    let hostile = survey(&[
        ("${{ github.token }}/Dockerfile", "FROM scratch\n"),
        ("a b/Dockerfile", "FROM scratch\n"),
        ("$(touch x)/package.json", r#"{"scripts":{"test":"x"}}"#),
        ("-rf/dbt_project.yml", "name: x\n"),
        (
            "compose.yaml",
            "services:\n  \"x\\n  y: ${{ github.token }}\":\n    build: api\n    \
             healthcheck: { test: \"curl\\n  - ghcr.io/evil/x ${{ github.token }}\" }\n  \
             bad:\n    build: { context: api, target: \"a; id\" }\n",
        ),
        ("api/Dockerfile", "FROM scratch\n"),
        ("requirements-$(id).txt", "x\n"),
        TEST,
    ]);
    let text = files(&hostile);
    for word in ["github.token }}/", "touch", "-rf", "a b", "$(id)", "; id", "evil/x ${{"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
    let config = file(&hostile, "tidegate.yml");
    let images = Config::parse(config.as_bytes(), "x").unwrap().images.unwrap();
    assert_eq!(images.len(), 1, "{config}");
    let remarks = design(&hostile, &Wishes::default()).unwrap().remarks;
    assert!(remarks.len() >= 2, "{remarks:?}");

    let mut branch = survey(&[TEST]);
    branch.branch = Some("a'b\"#{+1}!".to_owned());
    let gate = file(&branch, "release-gate.yml");
    let gate = Workflow::parse("x", gate.as_bytes()).unwrap();
    let pushed = gate.event("push").unwrap().get("branches").unwrap()[0].as_str();
    assert_eq!(pushed, Some("a'b\"#{\\+1}!"));
    branch.branch = Some("${{github.token}}".to_owned());
    assert!(matches!(design(&branch, &Wishes::default()), Err(InitError::Unfit { .. })));
}

#[test]
fn each_language_is_tested_its_own_way() {
    let of = |files: &[(&str, &str)]| runs(&survey(files));
    assert_eq!(
        of(&[TEST]),
        ["python -m pip install pytest", "python -m pytest --junitxml=reports/junit.xml"]
    );
    assert_eq!(
        of(&[
            (
                "pyproject.toml",
                "[project]\nname = \"x\"\n[project.optional-dependencies]\ndev = [\"pytest\"]\n[tool.mypy]\n"
            ),
            TEST
        ]),
        [
            "python -m pip install -e \".[dev]\"",
            "python -m pytest --junitxml=reports/junit.xml",
            "python -m pip install -e \".[dev]\" mypy",
            "mypy ."
        ]
    );
    assert_eq!(
        of(&[
            ("pyproject.toml", "[project]\n[dependency-groups]\ndev = [\"pytest\"]\n"),
            ("uv.lock", ""),
            TEST
        ]),
        [
            "python -m pip install uv",
            "uv sync --locked --all-extras --all-groups",
            "uv run --no-sync python -m pytest --junitxml=reports/junit.xml"
        ]
    );
    assert_eq!(
        of(&[
            ("pyproject.toml", "[tool.poetry]\n[tool.poetry.dependencies]\npytest = \"*\"\n"),
            ("poetry.lock", ""),
            TEST
        ])[2],
        "poetry run python -m pytest --junitxml=reports/junit.xml"
    );
    let django =
        |packages| [("manage.py", "import django\n"), ("requirements.txt", packages), TEST];
    assert_eq!(
        of(&django("Django>=5\npsycopg\n")),
        ["python -m pip install -r requirements.txt", "python manage.py test"]
    );
    assert_eq!(
        of(&django("Django\npytest-django\n"))[1],
        "python -m pytest --junitxml=reports/junit.xml"
    );
    assert_eq!(of(&[("tox.ini", "[tox]\n"), TEST])[1], "tox");
    assert_eq!(of(&[("noxfile.py", ""), TEST])[1], "nox");
    assert_eq!(
        of(&[
            ("package.json", r#"{"scripts":{"test":"vitest","lint":"eslint ."}}"#),
            ("package-lock.json", "{}")
        ]),
        ["npm ci", "npm run test", "npm ci", "npm run lint"]
    );
    assert_eq!(
        of(&[("Cargo.toml", "[lints.clippy]\n"), ("Cargo.lock", "")]),
        ["cargo test --locked", "cargo clippy --all-targets"]
    );
    assert_eq!(of(&[("go.mod", "module x\n")]), ["go test ./..."]);
    assert_eq!(
        of(&[("justfile", "test:\n  pytest\n")]),
        ["python -m pip install rust-just pytest", "just test"]
    );
    // A monorepo: each project by itself.
    assert_eq!(
        of(&[
            ("api/requirements.txt", "pytest\n"),
            ("api/tests/test_a.py", ""),
            ("web/package.json", r#"{"scripts":{"test":"vitest"}}"#),
            ("web/yarn.lock", ""),
            (
                "none/package.json",
                r#"{"scripts":{"test":"echo \"Error: no test specified\" && exit 1"}}"#
            ),
        ]),
        [
            "api: python -m pip install -r requirements.txt",
            "api: python -m pytest --junitxml=\"$GITHUB_WORKSPACE/reports/junit-api.xml\"",
            "web: corepack enable",
            "web: yarn install",
            "web: yarn run test"
        ]
    );
}

#[test]
fn profiles_that_need_secrets_get_them_by_name() {
    let survey = survey(&[
        ("dbt_project.yml", "name: x\n"),
        (
            "profiles.yml",
            "x:\n  outputs:\n    prod:\n      type: postgres\n      password: \"{{ env_var('DBT_PASSWORD') }}\"\n      \
             user: \"{{ env_var('A }} ${{ x') }}\"\n      host: \"{{ env_var('HOST', 'h') }}\"\n",
        ),
    ]);
    let design = design(&survey, &Wishes::default()).unwrap();
    let parse = design.jobs[0].steps.last().unwrap();
    assert_eq!(parse.run, ["dbt parse"]);
    let env: Vec<_> =
        parse.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(env, [("DBT_PROFILES_DIR", "."), ("DBT_PASSWORD", "${{ secrets.DBT_PASSWORD }}")]);
}

#[test]
fn a_workflow_that_runs_the_gate_already_is_left_alone() {
    let mut survey = survey(&[TEST]);
    let text = "on: push\njobs:\n  g:\n    steps:\n      - uses: tidegate/tidegate@main\n";
    survey.workflows.push(Workflow::parse(".github/workflows/ci.yml", text.as_bytes()).unwrap());
    let files = render(&design(&survey, &Wishes::default()).unwrap());
    assert!(files.iter().all(|file| !file.path.ends_with("release-gate.yml")), "{files:?}");
    assert_eq!(files.len(), 3);

    // The one that is written here is no other.
    let own = Workflow::parse(".github/workflows/release-gate.yml", text.as_bytes()).unwrap();
    survey.workflows = vec![own];
    assert_eq!(render(&design(&survey, &Wishes::default()).unwrap()).len(), 4);
}

#[test]
fn registries_besides_githubs_get_a_login_of_their_own() {
    let mut survey = survey(&[("Dockerfile", ""), TEST]);
    survey.config = Some(Config::parse(b"images: [r.acme.io/team/app]\n", "x").unwrap());
    let gate = file(&survey, "release-gate.yml");
    assert_eq!(gate.matches("vars.REGISTRY_USER }}").count(), 2, "{gate}");
    assert_eq!(gate.matches("secrets.REGISTRY_PASSWORD }}").count(), 2, "{gate}");
    assert!(!gate.contains("packages:"), "{gate}");
}

#[test]
fn a_hand_written_release_is_rewritten_and_gets_no_second_gate() {
    let text =
        include_str!("../../../tests/fixtures/shapes/hand-written/.github/workflows/ci-cd.yml");
    let mut survey = survey(&[("Dockerfile", "FROM scratch\n")]);
    survey.workflows.push(Workflow::parse(".github/workflows/ci-cd.yml", text.as_bytes()).unwrap());
    let design = design(&survey, &Wishes::default()).unwrap();
    let images: Vec<String> = design.builds.iter().map(|own| own.image.to_string()).collect();
    assert_eq!(images, ["ghcr.io/acme/churn-radar"]);
    let paths: Vec<String> = render(&design).into_iter().map(|file| file.path).collect();
    assert_eq!(
        paths,
        [
            ".github/tidegate.yml",
            ".github/workflows/ci-cd.yml",
            ".github/workflows/tidegate-retry.yml",
            ".github/workflows/tidegate-doctor.yml"
        ]
    );
}

#[test]
fn a_workflow_that_gives_users_what_it_builds_is_named() {
    let job = |step: &str| {
        format!(
            "on:\n  push:\n    branches: [main]\njobs:\n  ci:\n    runs-on: ubuntu-latest\n    steps:\n      - run: pytest\n{step}"
        )
    };
    let remarks = |text: &str| {
        let mut survey = survey(&[("Dockerfile", "FROM scratch\n"), TEST]);
        survey
            .workflows
            .push(Workflow::parse(".github/workflows/ci.yml", text.as_bytes()).unwrap());
        let remarks = design(&survey, &Wishes::default()).unwrap().remarks;
        remarks.into_iter().filter(|own| own.contains("while it builds")).collect::<Vec<_>>()
    };
    let action = |tags: &str| {
        format!(
            "      - uses: docker/build-push-action@v6\n        with: {{ push: true, tags: '{tags}' }}\n"
        )
    };
    let meta = "      - id: meta\n        uses: docker/metadata-action@v5\n        with:\n          images: ghcr.io/a/b\n          tags: |\n            type=sha\n            type=raw,value=latest,enable={{is_default_branch}}\n";
    for step in [
        action("ghcr.io/a/b:latest"),
        format!("{meta}{}", action("${{ steps.meta.outputs.tags }}")),
        "      - run: |\n          docker build -t a:latest .\n          docker push a:latest\n"
            .to_owned(),
    ] {
        let told = remarks(&job(&step));
        assert_eq!(told.len(), 1, "{step}: {told:?}");
        assert!(told[0].contains(".github/workflows/ci.yml, line ") && told[0].contains("job ci"));
    }
    for text in [
        job(&action("ghcr.io/a/b:${{ github.sha }}")),
        job(&action("ghcr.io/a/b:latest")).replace("branches: [main]", "tags: ['v*']"),
        job(&action("ghcr.io/a/b:latest"))
            .replace("  push:\n    branches: [main]", "  workflow_dispatch:"),
    ] {
        assert_eq!(remarks(&text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn services_that_share_a_name_get_images_of_their_own() {
    let compose = "services:\n  api: { build: ./api, image: 'ghcr.io/acme/app:api' }\n  \
                   worker: { build: ./worker, image: 'ghcr.io/acme/app:worker' }\n";
    let survey = survey(&[
        ("compose.yaml", compose),
        ("api/Dockerfile", "FROM scratch\n"),
        ("worker/Dockerfile", "FROM scratch\n"),
        TEST,
    ]);
    let config = file(&survey, "tidegate.yml");
    let images = Config::parse(config.as_bytes(), "x").unwrap().images.unwrap();
    let images: Vec<String> = images.iter().map(ToString::to_string).collect();
    assert_eq!(images, ["ghcr.io/acme/app", "ghcr.io/acme/churn-radar-worker"]);
    let remarks = design(&survey, &Wishes::default()).unwrap().remarks;
    assert!(remarks.iter().any(|own| own.contains("another image's name")), "{remarks:?}");
}

#[test]
fn a_dockerfile_in_a_folder_of_its_own_is_built_from_where_its_files_are() {
    let context = |text: &str| {
        let files = [
            ("docker/Dockerfile", text),
            ("docker/start.sh", ""),
            ("requirements.txt", "x\n"),
            ("src/app.py", ""),
            TEST,
        ];
        design(&survey(&files), &Wishes::default()).unwrap().builds[0].context.clone()
    };
    for root in ["COPY requirements.txt .", "COPY --chown=a:b ./src/ /app", "add src /app"] {
        assert_eq!(context(root), ".", "{root}");
    }
    for own in ["COPY start.sh /", "COPY . /app", "COPY --from=build src /app", "COPY $X /", "COPY"]
    {
        assert_eq!(context(own), "docker", "{own}");
    }
}

/// The answer about one image is about no other.
#[test]
fn images_of_folders_with_the_same_name_are_told_apart() {
    let two = survey(&[("a/api/Dockerfile", ""), ("b/api/Dockerfile", ""), TEST]);
    let without = Wishes { without: ["api-2".to_owned()].into(), ..Wishes::default() };
    let left: Vec<String> =
        design(&two, &without).unwrap().builds.into_iter().map(|own| own.dockerfile).collect();
    assert_eq!(left, ["a/api/Dockerfile"]);
}

#[test]
fn an_image_whose_name_is_not_known_is_missed() {
    let text =
        include_str!("../../../tests/fixtures/shapes/hand-written/.github/workflows/ci-cd.yml");
    let text = text.replace("IMAGE_NAME: ${{ github.repository }}", "IMAGE_NAME: ${{ vars.NAME }}");
    let mut survey = survey(&[("app.py", "print(1)\n")]);
    survey.workflows.push(Workflow::parse(".github/workflows/ci-cd.yml", text.as_bytes()).unwrap());
    let design = design(&survey, &Wishes::default()).unwrap();
    assert!(design.builds.is_empty());
    assert!(design.remarks.iter().any(|own| own.contains("--image")), "{:?}", design.remarks);
}
