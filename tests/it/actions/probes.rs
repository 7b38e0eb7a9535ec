//! The example workflow with a probe, run by act: the gate runs the image that the build job made, in
//! a real engine, pulled with the login of the step.

use std::fs;

use super::example::Example;
use crate::harness::engine::TestEngine;
use crate::harness::environment::require_program;
use crate::harness::team::tidegate;

const GREEN: &[(&str, bool)] =
    &[("Tests", true), ("Code quality", true), ("Candidate image", true), ("Gate", true)];

/// A page at this port.
fn dockerfile(port: u16) -> String {
    format!(
        "FROM scratch\nARG TARGETARCH\nLABEL arch=$TARGETARCH\nCOPY busybox /bin/busybox\n\
         COPY app /www/index.html\n\
         CMD [\"/bin/busybox\", \"httpd\", \"-f\", \"-p\", \"{port}\", \"-h\", \"/www\"]\n"
    )
}

#[test]
fn what_passes_its_tests_and_does_not_answer_is_rolled_back() {
    let engine = TestEngine::start();
    let mut example = Example::new();
    let file = ".github/tidegate.yml";
    let text = fs::read_to_string(example.repo.path().join(file)).expect("the configuration");
    let probe = format!(
        "containers: {{ engine: \"{}\" }}\nsmoke:\n  - {{ kind: http, port: 8000, body: works, \
         start_period: 3s, retries: 0 }}\n",
        engine.host()
    );
    example.repo.write(file, text + &probe);
    fs::copy(require_program("busybox"), example.repo.path().join("busybox")).expect("busybox");
    example.repo.write("Dockerfile", dockerfile(8000));
    let (good, run) = example.push("Add the app", "works\n", tidegate());
    run.expect_jobs(GREEN);
    assert_eq!(example.git(&["rev-parse", "refs/heads/stable"]), good);
    let released = example.manifest("stable").expect("the release");

    example.pull();
    example.repo.write("Dockerfile", dockerfile(8001));
    let (bad, run) = example.push("Listen elsewhere", "works\n", tidegate());
    run.expect_jobs(&[
        ("Tests", true),
        ("Code quality", true),
        ("Candidate image", true),
        ("Gate", false),
    ]);
    let message = example.git(&["log", "-1", "--format=%B", "refs/heads/main"]);
    assert!(message.contains(&format!("Tidegate-Rollback-From: {bad}")), "{message}");
    assert!(message.contains("Probe \"http of app:8000\" failed"), "{message}");
    assert_eq!(example.git(&["rev-parse", "refs/heads/stable"]), good);
    assert_eq!(example.manifest("stable"), Some(released), "what users pull did not change");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(engine.assert_nothing_left());
}
