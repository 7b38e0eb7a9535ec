//! The Streamlit probe against real Streamlit of several versions, and against servers that mean
//! harm.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use tidegate::adapters::streamlit::{first_page_text, probe};
use tidegate::probe::{Attempt, MAX_DETAIL, ProbeFailure, StreamlitCheck};
use url::Url;

use crate::harness::streamlit::Streamlit;

mod headers;
mod hostile;

/// Long enough for a busy machine; no case waits for it but the one that has to.
const TIMEOUT: Duration = Duration::from_mins(1);

fn attempt(url: &Url, check: &StreamlitCheck, timeout: Duration) -> Attempt {
    runtime().block_on(probe(url, check, timeout))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn failed(attempt: Attempt) -> ProbeFailure {
    match attempt {
        Attempt::Failed(failure) => failure,
        other => panic!("expected a failure, found {other:?}"),
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// One app, what is asked of it, and what has to come of it.
struct Case {
    app: &'static str,
    options: &'static [&'static str],
    check: StreamlitCheck,
    timeout: Duration,
    expect: Expect,
}

enum Expect {
    /// It passes, and says this.
    Passes(&'static str),
    /// It fails with this line, and this in the lines below it; nothing where there are none.
    Fails(&'static str, &'static [&'static str]),
}
use Expect::{Fails, Passes};

impl Case {
    fn new(app: &'static str, expect: Expect) -> Self {
        let check = StreamlitCheck::default();
        Self { app, options: &[], check, timeout: TIMEOUT, expect }
    }

    fn check(mut self, change: impl FnOnce(&mut StreamlitCheck)) -> Self {
        change(&mut self.check);
        self
    }

    fn options(mut self, options: &'static [&'static str]) -> Self {
        self.options = options;
        self
    }

    /// Says what is not as expected.
    fn problem(&self, server: &Streamlit) -> Option<String> {
        let found = attempt(&server.url(), &self.check, self.timeout);
        let as_expected = match (&self.expect, &found) {
            (Passes(says), Attempt::Passed { seen }) => seen.contains(says),
            (Fails(line, below), Attempt::Failed(ProbeFailure { what, detail })) => {
                let detail = detail.as_deref().unwrap_or_default();
                what.contains(line)
                    && below.iter().all(|text| detail.contains(text))
                    && (!below.is_empty() || detail.is_empty())
            }
            _ => false,
        };
        let log = || server.log();
        (!as_expected).then(|| format!("{} {:?}: {found:#?}\n{}", self.app, self.options, log()))
    }
}

/// Cases that mean the same in every version.
fn of_every_version() -> Vec<Case> {
    let stats_off: &[&str] = &["--browser.gatherUsageStats=false"];
    let key_error = "page \"app\": KeyError: 'price'";
    let in_load: &[&str] =
        &["Traceback (most recent call last):\n", "in load\n", "KeyError: 'price'"];
    vec![
        Case::new("good", Passes("1 page, 6 elements, Streamlit 1.")),
        Case::new("good", Passes("1 page")).check(|check| {
            check.require_text = owned(&[
                "Sales",
                "Orders today",
                "12",
                "-3",
                "south is **ahead**",
                "Refresh",
                "loaded",
            ]);
            check.require_element = owned(&["heading", "metric", "button"]);
        }),
        Case::new("good", Fails("no page shows the text \"loading\"", &[]))
            .check(|check| check.require_text = owned(&["Sales", "loading"])),
        Case::new("good", Fails("no page shows the element \"vega_lite_chart\"", &[]))
            .check(|check| check.require_element = owned(&["metric", "vega_lite_chart"])),
        Case::new("good", Fails("(Streamlit calls no element `chart`)", &[]))
            .check(|check| check.require_element = owned(&["chart"])),
        Case::new(
            "conflict",
            Fails(
                "page \"app\" does not compile: SyntaxError: invalid syntax (a merge conflict is left in it)",
                &["app.py\", line 4", "<<<<<<< HEAD"],
            ),
        ),
        Case::new("uncaught", Fails(key_error, in_load)),
        Case::new("uncaught", Fails(key_error, in_load)).options(stats_off),
        Case::new("uncaught", Fails(key_error, in_load))
            .check(|check| check.allow_shown_exceptions = true),
        Case::new("uncaught", Fails(key_error, in_load))
            .check(|check| check.allow_shown_exceptions = true)
            .options(stats_off),
        Case::new("callback", Passes("1 page, 3 elements")),
        Case::new("callback", Passes("1 page")).check(|check| check.press = owned(&["Harmless"])),
        Case::new(
            "callback",
            Fails(
                "page \"app\": ValueError: nothing to refresh (after \"Refresh\" was pressed)",
                &["in refresh"],
            ),
        )
        .check(|check| check.press = owned(&["Refresh"])),
        Case::new("callback", Fails("no page has the button \"Send\"", &[]))
            .check(|check| check.press = owned(&["Harmless", "Send"])),
    ]
}

/// More of them, about what apps do without failing in their code.
fn of_every_version_too() -> Vec<Case> {
    vec![
        Case::new(
            "secret",
            Fails("page \"app\": the app needs the secret `db_password`: ", &["st.secrets"]),
        ),
        Case::new(
            "other_secret",
            Fails(
                "page \"app\": the app needs the secret `db_password`: KeyError: ",
                &["db_password"],
            ),
        ),
        Case {
            timeout: Duration::from_secs(5),
            ..Case::new(
                "endless",
                Fails(
                    "page \"app\": the script had not finished after 5s; it had shown 1 element, ending with heading \"Sales\"",
                    &[],
                ),
            )
        },
        Case::new(
            "pages",
            Fails(
                "page \"By region\": ZeroDivisionError: division by zero",
                &["1_By_region.py\", line 4"],
            ),
        ),
        Case::new("pages", Passes("2 pages, 3 elements"))
            .check(|check| check.pages = owned(&["app", "By month"])),
        Case::new("pages", Passes("1 page, 2 elements"))
            .check(|check| check.pages = owned(&["By_month"])),
        Case::new("pages", Fails("the app has no page \"By year\"; it has \"app\", \"By", &[]))
            .check(|check| check.pages = owned(&["By year"])),
        Case::new("stop", Passes("1 page, 2 elements")),
        Case::new("warning", Passes("1 page, 3 elements")),
        Case::new(
            "shown",
            Fails("page \"app\": KeyError: 'price' (shown by the app)", &["in <module>"]),
        ),
        Case::new("shown", Passes("1 page, 3 elements"))
            .check(|check| check.allow_shown_exceptions = true),
        Case::new("shown_last", Passes("1 page, 2 elements"))
            .check(|check| check.allow_shown_exceptions = true),
        Case::new("empty", Fails("page \"app\" shows nothing", &[])),
        Case::new("empty", Passes("1 page, 0 elements")).check(|check| check.allow_empty = true),
        Case::new("rerun", Passes("1 page, 1 element,"))
            .check(|check| check.require_text = owned(&["Ready"])),
        Case::new("large", Passes("1 page")).check(|check| check.press = owned(&["Refresh"])),
        Case::new("good", Passes("1 page"))
            .options(&["--server.baseUrlPath=dash/sales"])
            .check(|check| check.base_path = Some("/dash/sales/".to_owned())),
        Case::new("good", Passes("1 page"))
            .options(&["--server.enableCORS=true", "--server.enableXsrfProtection=true"]),
    ]
}

/// Cases of what only newer versions have.
fn of_newer_versions() -> Vec<Case> {
    vec![
        Case::new("fragment", Fails("page \"app\": ValueError: no orders", &["in orders\n"])),
        Case::new("fragment", Fails("page \"app\": ValueError: no orders", &["in orders\n"]))
            .check(|check| check.allow_shown_exceptions = true),
        Case::new(
            "auto_fragment",
            Fails(
                "page \"app\": ValueError: no orders the second time (when a fragment ran again)",
                &["in orders\n"],
            ),
        ),
        Case::new(
            "navigation",
            Fails("page \"All regions\": RuntimeError: no regions", &["in regions\n"]),
        ),
        Case::new("navigation", Passes("1 page, 1 element,"))
            .check(|check| check.pages = owned(&["Overview"])),
    ]
}

/// Starts a few apps at a time, since each takes seconds, and each of them once for all its cases.
fn try_all(version: &str, cases: Vec<Case>) {
    let mut groups: BTreeMap<_, Vec<Case>> = BTreeMap::new();
    for case in cases {
        groups.entry((case.app, case.options)).or_default().push(case);
    }
    let (left, problems) = (Mutex::new(groups), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let next = left.lock().unwrap().pop_first();
                    let Some(((app, options), cases)) = next else { return };
                    let server = Streamlit::start(version, app, options);
                    let found: Vec<_> =
                        cases.iter().filter_map(|case| case.problem(&server)).collect();
                    problems.lock().unwrap().extend(found);
                }
            });
        }
    });
    let problems = problems.into_inner().unwrap();
    assert!(problems.is_empty(), "Streamlit {version}:\n{}", problems.join("\n\n"));
}

#[test]
fn every_app_is_judged_as_it_is_by_streamlit_1_16() {
    try_all("1.16.0", of_every_version().into_iter().chain(of_every_version_too()).collect());
}

#[test]
fn every_app_is_judged_as_it_is_by_streamlit_1_40() {
    try_all(
        "1.40.2",
        of_every_version()
            .into_iter()
            .chain(of_every_version_too())
            .chain(of_newer_versions())
            .collect(),
    );
}

#[test]
fn every_app_is_judged_as_it_is_by_streamlit_1_67() {
    try_all(
        "1.67.0",
        of_every_version()
            .into_iter()
            .chain(of_every_version_too())
            .chain(of_newer_versions())
            .collect(),
    );
}

#[test]
fn what_an_app_says_cannot_write_to_a_terminal() {
    let server = Streamlit::start("1.67.0", "hostile", &[]);
    let failure = failed(attempt(&server.url(), &StreamlitCheck::default(), TIMEOUT));
    assert!(failure.what.contains("RuntimeError: "), "{failure:?}");
    let detail = failure.detail.unwrap();
    assert!(detail.len() <= MAX_DETAIL, "{}", detail.len());
    for text in [failure.what, detail.replace('\n', "")] {
        let dangerous = |c: char| c.is_control() || c == '\u{202e}';
        assert!(!text.contains(dangerous), "{text:?}");
    }
}

#[test]
fn the_text_of_the_first_page_is_read_or_the_reason_is_told() {
    let good = Streamlit::start("1.67.0", "good", &[]);
    let text = runtime().block_on(first_page_text(&good.url(), None, TIMEOUT)).unwrap();
    assert_eq!(
        text.lines().collect::<Vec<_>>(),
        ["Sales", "Orders today", "12", "-3", "north", "south is **ahead**", "Refresh", "loaded"]
    );
    let bad = Streamlit::start("1.67.0", "uncaught", &[]);
    let why = runtime().block_on(first_page_text(&bad.url(), None, TIMEOUT)).unwrap_err();
    assert_eq!(why, "page \"app\": KeyError: 'price'");
}
