//! Where the data comes from and where it goes, with and without a configuration.

use std::fs;

use crate::harness::tidegate::Tidegate;

use super::{App, CONTAINER, database, pointer, served};

#[test]
fn urls_come_from_where_they_are_said_to() {
    let (server, bytes) = served(10_000);
    let app = App::new();
    let root = app.folder.path();
    let pull =
        |arguments: &[&str]| Tidegate::new().args(["pull"]).args(arguments).current_dir(root);
    let run = pull(&[]).run().code(2);
    assert!(run.stderr.contains("AZURE_ANALYTICS_URL"), "{}", run.stderr);
    let run = pull(&[]).env("DATABASE_URL", server.url(CONTAINER)).run().code(2);
    assert!(run.stderr.contains("nobody says where the data is"), "{}", run.stderr);
    let run = pull(&[]).env("AZURE_ANALYTICS_URL", server.url(CONTAINER)).run().code(2);
    assert!(run.stderr.contains("--to"), "{}", run.stderr);

    let to = ["--to", "out/a.duckdb"];
    let fetched = || {
        let found = fs::read(root.join("out/a.duckdb")).ok();
        let _ = fs::remove_dir_all(root.join("out"));
        found
    };
    pull(&to)
        .args(["--url-env", "DATA_URL"])
        .env("DATA_URL", server.url(CONTAINER))
        .run()
        .success();
    assert_eq!(fetched(), Some(bytes.clone()));
    fs::write(root.join("url.txt"), format!("# the app's\n\n{}\n", server.url(CONTAINER))).unwrap();
    pull(&to).args(["--url-file", "url.txt"]).run().success();
    assert_eq!(fetched(), Some(bytes.clone()));
    fs::write(root.join("azure_analytics_url.txt"), server.url(CONTAINER)).unwrap();
    pull(&to).run().success();
    assert_eq!(fetched(), Some(bytes.clone()));
    fs::remove_file(root.join("azure_analytics_url.txt")).unwrap();
    fs::write(root.join(".env"), format!("AZURE_ANALYTICS_URL='{}'\n", server.url(CONTAINER)))
        .unwrap();
    pull(&to).args(["--env-file", ".env"]).run().success();
    assert_eq!(fetched(), Some(bytes));

    for url in
        ["http://acme.example/c?sig=c2VjcmV0", "c2VjcmV0", "https://u:c2VjcmV0@acme.example/c"]
    {
        let run = pull(&to).env("AZURE_ANALYTICS_URL", url).run().code(2);
        assert!(!run.stderr.contains("c2VjcmV0"), "{}", run.stderr);
    }
}

#[test]
fn a_folder_is_a_store_with_and_without_a_configuration() {
    let app = App::new();
    let root = app.folder.path();
    let bytes = database(1, 50_000);
    let container = root.join("lake").join(CONTAINER);
    fs::create_dir_all(container.join("versions")).unwrap();
    let text = pointer(&bytes);
    fs::write(container.join(text["path"].as_str().unwrap()), &bytes).unwrap();
    fs::write(container.join("latest.json"), text.to_string()).unwrap();
    let url = format!("file://{}", container.display());
    app.pull(&url).run().success();
    assert_eq!(app.bytes(), bytes);
    let run = app.pull(&url).args(["--json"]).run().success().json();
    assert_eq!(run["outcome"], "unchanged");

    fs::create_dir_all(root.join(".github")).unwrap();
    let lake = root.join("lake");
    fs::write(
        root.join(".github/tidegate.yml"),
        format!(
            "version: 1\ndata:\n  store: file://{}\n  layers:\n    analytics: {{ file: own/a.duckdb }}\n",
            lake.display()
        ),
    )
    .unwrap();
    let run = Tidegate::new().args(["pull", "--json"]).current_dir(root).run().success().json();
    assert_eq!(run["outcome"], "replaced");
    assert_eq!(fs::read(root.join("own/a.duckdb")).unwrap(), bytes);

    fs::remove_file(container.join("latest.json")).unwrap();
    let run = Tidegate::new().args(["pull"]).current_dir(root).run().code(10);
    assert!(run.stderr.contains("tidegate sync"), "{}", run.stderr);
    assert_eq!(fs::read(root.join("own/a.duckdb")).unwrap(), bytes);
}

#[test]
fn what_is_said_with_options_needs_no_sound_configuration() {
    let (server, bytes) = served(10_000);
    let app = App::new();
    fs::create_dir_all(app.folder.path().join(".github")).unwrap();
    fs::write(app.folder.path().join(".github/tidegate.yml"), "versoin: 1\n").unwrap();
    app.pull(&server.url(CONTAINER)).args(["--url-env", "AZURE_ANALYTICS_URL"]).run().success();
    assert_eq!(app.bytes(), bytes);
    let run = app.pull(&server.url(CONTAINER)).run().code(2);
    assert!(run.stderr.contains("versoin"), "{}", run.stderr);
}
