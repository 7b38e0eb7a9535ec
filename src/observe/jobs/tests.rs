use super::*;
use crate::evidence::jobs::{JobEvidence, JobsOutcome};

const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn images(names: &[&str]) -> Vec<ImageRef> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn app() -> Vec<ImageRef> {
    images(&["ghcr.io/acme/app"])
}

/// A `needs` context of successful jobs, each with one output.
fn needs(jobs: &[(&str, &str, &str)]) -> Vec<JobResult> {
    let mut context = serde_json::Map::new();
    for (job, output, value) in jobs {
        let job_value = serde_json::json!({"result": "success", "outputs": {*output: *value}});
        context.insert((*job).to_owned(), job_value);
    }
    parse(&serde_json::to_string_pretty(&context).unwrap()).unwrap()
}

#[test]
fn the_context_as_github_writes_it() {
    let jobs = parse(
        "{\n  \"tests\": {\n    \"result\": \"failure\",\n    \"outputs\": {}\n  },\n  \
         \"build-docker\": {\n    \"result\": \"skipped\",\n    \"outputs\": {\"digest\": \"\"},\n    \
         \"other\": [1]\n  },\n  \"lint\": {\"result\": \"cancelled\"}\n}",
    )
    .unwrap();
    let found: Vec<_> = jobs.iter().map(|job| (job.name.as_str(), job.conclusion)).collect();
    assert_eq!(
        found,
        [
            ("build-docker", Conclusion::Skipped),
            ("lint", Conclusion::Cancelled),
            ("tests", Conclusion::Failure)
        ]
    );
}

#[test]
fn a_job_without_outputs_may_have_null() {
    let jobs = parse(r#"{"tests": {"result": "success", "outputs": null}}"#).unwrap();
    assert_eq!(jobs[0].outputs.len(), 0);
}

#[test]
fn an_empty_context_passes_nothing() {
    let evidence = JobEvidence::new(&parse("{}").unwrap(), None);
    assert_eq!(evidence.outcome(), JobsOutcome::NothingRequired);
}

#[test]
fn a_bad_context_is_named_by_its_place() {
    for (text, expected) in [
        ("", "line 1, column 0"),
        ("{\n\"tests\": {\"result\": \"Success\"}}", "line 2"),
        ("{\"tests\": {\"result\": null}}", "line 1"),
        ("{\"tests\": {}}", "missing field `result`"),
        ("{\"tests\": \"success\"}", "line 1"),
        ("[]", "expected an object"),
        ("null", "expected an object"),
        ("{\"tests\": {\"result\": \"success\", \"outputs\": {\"digest\": 1}}}", "line 1"),
        (
            "{\"tests\": {\"result\": \"failure\"}, \"tests\": {\"result\": \"success\"}}",
            "\"tests\" stands twice",
        ),
        ("{\"a b\": {\"result\": \"success\"}}", "a job id"),
        ("{\"\\u001b[2J\": {\"result\": \"success\"}}", "a job id"),
        ("${{ toJSON(needs) }}", "line 1, column 1"),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
        assert!(error.contains("pass ${{ toJSON(needs) }}"), "{error}");
        assert!(!error.contains(|c: char| c.is_control()), "{error:?}");
    }
}

#[test]
fn deep_nesting_and_huge_texts_are_refused() {
    let deep = format!("{{\"a\": {{\"result\": \"success\", \"x\": {}", "[".repeat(1_000_000));
    assert!(matches!(parse(&deep), Err(NeedsError::Invalid { .. })));
    assert!(matches!(parse(&" ".repeat(MAX_NEEDS + 1)), Err(NeedsError::TooLarge { .. })));
}

#[test]
fn the_digest_of_one_image() {
    let found = digests(&needs(&[("build", "digest", A), ("tests", "digest", "")]), &app());
    assert_eq!(found.unwrap(), [(app().remove(0), A.parse().unwrap())].into());
    let same = needs(&[("build", "digest", A), ("scan", "digest", A)]);
    assert_eq!(digests(&same, &app()).unwrap().len(), 1);
    assert!(digests(&[], &app()).unwrap().is_empty());
}

#[test]
fn digests_that_contradict_each_other_are_refused() {
    let by_digest = needs(&[("build", "digest", A), ("tests", "digest", B)]);
    let both_forms = needs(&[
        ("build", "digest", A),
        ("tests", "digests", &format!("{{\"ghcr.io/acme/app\": \"{B}\"}}")),
    ]);
    for results in [by_digest, both_forms] {
        let error = digests(&results, &app()).unwrap_err();
        assert!(matches!(error, DigestError::Conflict(_)), "{error}");
        assert!(error.to_string().contains("\"build\" and \"tests\""), "{error}");
    }
}

#[test]
fn the_digests_of_a_release_set() {
    let set = images(&["ghcr.io/acme/app", "ghcr.io/acme/api"]);
    let both = format!("{{\"ghcr.io/acme/app\": \"{A}\", \"ghcr.io/acme/api\": \"{B}\"}}");
    let found = digests(&needs(&[("build", "digests", &both)]), &set).unwrap();
    assert_eq!(found.len(), 2);
    // One digest says nothing about which of two images is meant.
    assert!(digests(&needs(&[("build", "digest", A)]), &set).unwrap().is_empty());
    let halves = needs(&[
        ("build-app", "digests", &format!("{{\"ghcr.io/acme/app\": \"{A}\"}}")),
        ("build-api", "digests", &format!("{{\"ghcr.io/acme/api\": \"{B}\"}}")),
    ]);
    assert_eq!(digests(&halves, &set).unwrap(), found);
}

#[test]
fn hostile_digests_are_refused() {
    let name = "ghcr.io/acme/app";
    for (output, value) in [
        ("digest", "latest".to_owned()),
        ("digest", A.to_uppercase()),
        ("digest", format!("{A}\n{B}")),
        ("digests", "[]".to_owned()),
        ("digests", "{".to_owned()),
        ("digests", format!("{{\"{name}\": 1}}")),
        ("digests", format!("{{\"{name}:tag\": \"{A}\"}}")),
        ("digests", format!("{{\"ghcr.io/evil/app\": \"{A}\"}}")),
        ("digests", format!("{{\"{name}\": \"{A}\", \"{name}\": \"{B}\"}}")),
    ] {
        let error = digests(&needs(&[("build", output, &value)]), &app()).unwrap_err();
        assert!(error.to_string().contains("\"build\""), "{error}");
    }
}

#[test]
fn a_job_that_did_not_succeed_names_no_digest() {
    let mut results = needs(&[("build", "digest", A)]);
    results[0].conclusion = Conclusion::Failure;
    assert!(digests(&results, &app()).unwrap().is_empty());
}
