//! An app under a real Streamlit that uses the loader: new data without a restart, and the data from
//! before while the store is down.

use std::path::Path;
use std::time::Duration;

use tidegate::adapters::streamlit::first_page_text;

use crate::harness::duckdb;
use crate::harness::environment::isolated_command;
use crate::harness::fault_proxy::{Fault, FaultProxy, Rule};
use crate::harness::file_server::FileServer;
use crate::harness::streamlit::Streamlit;

use super::{CONTAINER, loader, publish};

const TIMEOUT: Duration = Duration::from_mins(1);

/// The guide, whose lines and whose app are what is tried here.
fn guide() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(root.join("docs/how-to/streamlit-data.md")).unwrap()
}

/// The blocks of a language in the guide.
fn blocks(language: &str) -> Vec<String> {
    let guide = guide();
    let begin = format!("```{language}\n");
    let blocks =
        guide.split(&begin).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    blocks.collect()
}

/// The app of the guide. It asks at every run, so that nobody has to wait, and without pauses.
fn app() -> String {
    let packages = duckdb::site_packages("2.0.0");
    let [app] = &blocks("python")[..] else { panic!("the guide has one app") };
    let ask = "@st.cache_data(ttl=\"1m\", show_spinner=\"Looking for new data\")\n";
    let load = "data_loader.load(st.secrets)";
    assert!(app.contains(ask) && app.contains(load), "{app}");
    let app = app.replace(ask, "").replace(load, "data_loader.load(st.secrets, waits=(0, 0))");
    format!("import sys\nsys.path.insert(0, {packages:?})\n{app}")
}

/// What a browser shows of the app.
#[track_caller]
fn page(streamlit: &Streamlit) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let text = runtime.block_on(first_page_text(&streamlit.url(), None, TIMEOUT));
    text.unwrap_or_else(|why| panic!("{why}\n{}", streamlit.log()))
}

/// A real database with one figure.
fn database(folder: &Path, price: u32) -> Vec<u8> {
    let file = folder.join(format!("{price}.duckdb"));
    duckdb::run("1.5.6", &file, &format!("create table prices as select {price} as price;"));
    std::fs::read(file).unwrap()
}

#[test]
fn an_app_shows_new_data_without_a_restart_and_old_data_without_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("app");
    std::fs::create_dir_all(app.join(".streamlit")).unwrap();
    loader::emit(&app);
    std::fs::write(app.join("app.py"), self::app()).unwrap();
    let server = FileServer::start();
    let proxy = FaultProxy::start(server.host());
    let url = server.url(CONTAINER).replace(server.host(), proxy.host());
    let secrets = format!("AZURE_ANALYTICS_URL = \"{url}\"\n");
    std::fs::write(app.join(".streamlit/secrets.toml"), secrets).unwrap();

    let first = database(folder.path(), 1111);
    publish(&server, &first);
    let streamlit = Streamlit::start_in("1.67.0", &app, &[]);
    let shown = page(&streamlit);
    assert!(shown.contains("1,111"), "{shown}");
    assert!(shown.contains(&format!("Data version {}", &super::sha256(&first)[..12])), "{shown}");

    publish(&server, &database(folder.path(), 2222));
    assert!(page(&streamlit).contains("2,222"), "new data, the same process");

    proxy.add(Rule::when(|_| true).fault(Fault::Close));
    publish(&server, &database(folder.path(), 3333));
    assert!(page(&streamlit).contains("2,222"), "the store is down");
    proxy.forget();
    assert!(page(&streamlit).contains("3,333"), "the store is back");

    // A rollback of the data.
    publish(&server, &first);
    assert!(page(&streamlit).contains("1,111"));
    assert!(!streamlit.log().contains("sig="), "{}", streamlit.log());
}

#[test]
fn the_lines_of_the_guide_fetch_the_data_and_write_the_loader() {
    let folder = tempfile::tempdir().unwrap();
    let (server, bytes) = super::served(50_000);
    let program = Path::new(env!("CARGO_BIN_EXE_tidegate")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(
        std::iter::once(program.to_owned()).chain(std::env::split_paths(&path)),
    );
    let lines = blocks("sh");
    assert!(lines.len() >= 2, "{lines:?}");
    let output = isolated_command("sh", folder.path())
        .args(["-euc", &lines.concat()])
        .current_dir(folder.path())
        .env("PATH", path.unwrap())
        .env("AZURE_ANALYTICS_URL", server.url(CONTAINER))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(std::fs::read(folder.path().join("data/analytics.duckdb")).unwrap(), bytes);
    assert!(folder.path().join("data_loader.py").metadata().unwrap().len() > 1000);
}
