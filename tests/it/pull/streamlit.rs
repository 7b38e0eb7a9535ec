//! An app under a real Streamlit that uses the loader: new data without a restart, and the data from
//! before while the store is down.

use std::path::Path;
use std::time::Duration;

use tidegate::adapters::streamlit::first_page_text;

use crate::harness::duckdb;
use crate::harness::fault_proxy::{Fault, FaultProxy, Rule};
use crate::harness::file_server::FileServer;
use crate::harness::streamlit::Streamlit;

use super::{CONTAINER, loader, publish};

const TIMEOUT: Duration = Duration::from_mins(1);

/// The app of docs/how-to/streamlit-data.md, which shows one figure.
const APP: &str = r#"
import sys
sys.path.insert(0, "PACKAGES")
import duckdb
import streamlit as st
import data_loader


@st.cache_resource(max_entries=2)
def database(path):
    return duckdb.connect(path, read_only=True)


path, version = data_loader.load(st.secrets, waits=(0, 0))
rows = database(path).cursor().execute("select sum(price) from prices").fetchone()
st.text(f"version {version}")
st.text(f"revenue {rows[0]}")
"#;

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
    let packages = duckdb::site_packages("2.0.0");
    std::fs::write(app.join("app.py"), APP.replace("PACKAGES", packages.to_str().unwrap()))
        .unwrap();
    let server = FileServer::start();
    let proxy = FaultProxy::start(server.host());
    let url = server.url(CONTAINER).replace(server.host(), proxy.host());
    let secrets = format!("AZURE_ANALYTICS_URL = \"{url}\"\n");
    std::fs::write(app.join(".streamlit/secrets.toml"), secrets).unwrap();

    let first = database(folder.path(), 11);
    publish(&server, &first);
    let streamlit = Streamlit::start_in("1.67.0", &app, &[]);
    let shown = page(&streamlit);
    assert!(shown.contains("revenue 11"), "{shown}");
    assert!(shown.contains(&format!("version {}", &super::sha256(&first)[..12])), "{shown}");

    publish(&server, &database(folder.path(), 22));
    assert!(page(&streamlit).contains("revenue 22"), "new data, the same process");

    proxy.add(Rule::when(|_| true).fault(Fault::Close));
    publish(&server, &database(folder.path(), 33));
    assert!(page(&streamlit).contains("revenue 22"), "the store is down");
    proxy.forget();
    assert!(page(&streamlit).contains("revenue 33"), "the store is back");

    // A rollback of the data.
    publish(&server, &first);
    assert!(page(&streamlit).contains("revenue 11"));
    assert!(!streamlit.log().contains("sig="), "{}", streamlit.log());
}
