//! `tidegate smoke --image`.

use std::process::{Command, Stdio};

use super::*;

/// The program, with nothing of this machine's environment but the engine.
fn tidegate(world: &World) -> Command {
    let folder = std::env::temp_dir();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", &folder)
        .env("DOCKER_HOST", world.engine.host())
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

#[test]
fn an_image_is_probed_by_hand_by_its_digest_or_a_tag() {
    let world = World::start();
    let app = world.push("web", &web(r#"echo "the key is $KEY"; "#));
    let by_digest = format!("{}@{}", app.image, app.digest);
    let by_tag = format!("{}:1", app.image);
    for (image, body, exit, said) in [
        (&by_digest, "It works", 0, "works: 200 in "),
        (&by_tag, "It fails", 13, "fails: GET /: the body does not match \"It fails\""),
    ] {
        let output = tidegate(&world)
            .args(["smoke", "--kind", "http", "--port", "8000", "--memory", "64m"])
            .args(["--image", image, "--body", body, "--pass", "KEY"])
            .env("KEY", "correct-horse-battery")
            .output()
            .unwrap();
        let shown = String::from_utf8_lossy(&output.stdout);
        let all = format!("{shown}{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(exit), "{all}");
        assert!(shown.contains(said), "{all}");
        assert!(!all.contains("correct-horse"), "{all}");
    }
    run(world.engine.assert_nothing_left());
}

#[test]
fn a_signal_ends_the_probes_and_leaves_nothing() {
    let world = World::start();
    let app = world.push("web", &web("sleep 1000; "));
    for signal in ["-TERM", "-INT"] {
        let mut child = tidegate(&world)
            .args(["smoke", "--kind", "http", "--port", "8000"])
            .args(["--image", &format!("{}@{}", app.image, app.digest)])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let begun = std::time::Instant::now();
        while !run(world.engine.left()).iter().any(|left| left.starts_with("container")) {
            assert!(begun.elapsed() < LONG, "no container is started");
            assert!(child.try_wait().unwrap().is_none(), "it has ended by itself");
            std::thread::sleep(Duration::from_millis(50));
        }
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{said}");
        assert!(said.contains("what was started for them is removed"), "{said}");
        run(world.engine.assert_nothing_left());
    }
}
