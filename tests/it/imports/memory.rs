//! What an import takes of memory, as the kernel counts it (proc(5), `VmHWM`).

use super::*;

/// A file of so many rows of 400 bytes.
fn large(rows: usize) -> String {
    let name = "x".repeat(360);
    let rows: Vec<String> =
        (0..rows).map(|number| format!("2026-02-01,{number},{name},2,2.50,5.00,north")).collect();
    SALES.to_owned() + &rows.join("\n") + "\n"
}

/// The peak of a plan's own process, without the commands that it starts.
fn peak(desk: &Desk, file: &str) -> u64 {
    let (mut child, _home) = Tidegate::new()
        .args(["data", "import", "sales", file, "--plan"])
        .env("DATABASE_PATH", desk.database)
        .env("TMPDIR", desk.folder.path())
        .env("PATH", duckdb::path())
        .current_dir(desk.folder.path())
        .start();
    let mut peak = 0;
    loop {
        // It has none any more when it has ended, and is still there until it is waited for.
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        if let Some(kilobytes) = line.and_then(|line| line.split_whitespace().next()) {
            peak = peak.max(kilobytes.parse::<u64>().unwrap() * 1024);
        }
        match child.try_wait().unwrap() {
            None => std::thread::sleep(std::time::Duration::from_millis(2)),
            Some(status) => {
                assert!(status.success(), "{status}");
                return peak;
            }
        }
    }
}

#[test]
fn memory_does_not_grow_with_the_file() {
    for desk in desks() {
        for (name, rows) in [("small.csv", 20_000), ("large.csv", 120_000)] {
            desk.write(name, &large(rows));
        }
        let (small, large) = (peak(&desk, "small.csv"), peak(&desk, "large.csv"));
        assert!(small > 0, "{}", desk.database);
        // The large file has 40 MB more. SQLite keeps 16 MB of it at most, and 8 bytes of each row are
        // kept to find those that are there twice.
        let most = small + 20_000_000;
        assert!(large < most, "{}: {small} and {large} bytes", desk.database);
    }
}
