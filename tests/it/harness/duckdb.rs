//! The `duckdb` command and the Python package of it, in the versions that `./dev` installs.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::environment::{cache_folder, isolated_command};

/// The versions of the command, oldest first.
pub const COMMANDS: [&str; 3] = ["1.4.4", "1.5.0", "1.5.6"];

/// The versions of the Python package, oldest first.
pub const READERS: [&str; 2] = ["1.2.2", "2.0.0"];

/// The folder that holds nothing but the command, to put on `PATH`.
pub fn folder(version: &str) -> PathBuf {
    let folder = cache_folder().join("duckdb").join(version);
    assert!(
        folder.join("duckdb").is_file(),
        "the tests need the duckdb command {version}: run `./dev setup`"
    );
    folder
}

/// The command.
pub fn command(version: &str) -> PathBuf {
    folder(version).join("duckdb")
}

/// `PATH` with the folder of the newest command in front.
pub fn path() -> std::ffi::OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let newest = folder(COMMANDS[COMMANDS.len() - 1]);
    std::env::join_paths(std::iter::once(newest).chain(std::env::split_paths(&path))).unwrap()
}

/// Runs statements on a database of its own choice with one of the commands; returns the rows of the
/// last as JSON text. Panics where a statement fails.
pub fn run(version: &str, file: &Path, sql: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    let mut child = isolated_command(command(version), home.path())
        .args(["-init", "/dev/null", "-batch", "-bail", "-json"])
        .arg(file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(sql.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && !said.contains("Error"), "{sql}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// The Python with the package.
pub fn python(version: &str) -> PathBuf {
    let python = cache_folder().join("duckdb-python").join(version).join("bin/python");
    assert!(
        python.is_file(),
        "the tests need the Python package duckdb {version}: run `./dev setup`"
    );
    python
}

/// The folder of the Python package, for the path of another Python of the same version.
pub fn site_packages(version: &str) -> PathBuf {
    let lib = python(version).with_file_name("../lib");
    let entries = std::fs::read_dir(&lib).expect("the packages of Python");
    let mut found = entries.map(|entry| entry.unwrap().path().join("site-packages"));
    found.find(|folder| folder.join("duckdb").is_dir()).expect("the package duckdb")
}

/// Opens a file read-only with the Python package and runs a query; returns what it printed, or what
/// stood in the way.
pub fn read(version: &str, file: &Path, sql: &str) -> Result<String, String> {
    let home = tempfile::tempdir().unwrap();
    let code = "import duckdb, sys\nprint(duckdb.connect(sys.argv[1], read_only=True).sql(sys.argv[2]).fetchall())";
    let output = isolated_command(python(version), home.path())
        .args(["-c", code])
        .arg(file)
        .arg(sql)
        .output()
        .unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// The folder of the dbt command, to put on `PATH`.
pub fn dbt_folder() -> PathBuf {
    let folder = cache_folder().join("dbt/bin");
    assert!(folder.join("dbt").is_file(), "the tests need dbt: run `./dev setup`");
    folder
}
