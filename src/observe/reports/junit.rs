//! Parses `JUnit` XML: no published standard, but the elements that Ant, Surefire, pytest, gtest,
//! Jest and nextest write.
//!
//! 1. The root is `<testsuites>` or `<testsuite>`; suites may be nested.
//! 2. A `<testcase>` fails by a child `<failure>` or `<error>`, once however many it has. What
//!    Surefire and pytest write about runs that were repeated (`<flakyFailure>`, `<rerunFailure>`,
//!    `<rerun>`) decides nothing: the last run has a `<failure>` of its own if it failed.
//! 3. An `<error>` or `<failure>` directly in a suite (a set-up that failed) is a failed test.
//! 4. Document types are refused, so that there are no entities to expand.

use std::borrow::Cow;
use std::collections::BTreeSet;

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};
use quick_xml::errors::SyntaxError;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::text::{decode, is_utf8, line_at, shown};
use crate::evidence::reports::{FailedTest, Report, ReportProblem, full_name};

/// How deep elements may be nested.
pub const MAX_DEPTH: usize = 64;

const MAX_NAME: usize = 200;
const MAX_MESSAGE: usize = 500;

/// A local time without a zone is at most twelve hours behind UTC.
const MOST_WESTERN: SignedDuration = SignedDuration::from_hours(12);

/// What a report says, and the latest instant at which one of its suites can have run.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) report: Report,
    pub(super) latest: Option<Timestamp>,
}

/// The line, from 1, where there is one, and what is wrong there.
type Problem = (Option<u64>, ReportProblem);

/// Parses a whole report.
pub(super) fn parse(bytes: &[u8], failed_before: &BTreeSet<String>) -> Result<Parsed, Problem> {
    let text = decode(bytes)?;
    let mut reader = Reader::from_str(text);
    let mut state = State { failed_before: Some(failed_before), ..State::default() };
    loop {
        let event = reader.read_event().map_err(|error| {
            let place = line_at(text, reader.error_position());
            (Some(place), state.unreadable(&error))
        })?;
        let position = reader.buffer_position();
        let step = match event {
            Event::Start(element) => state.open(&element, false),
            Event::Empty(element) => state.open(&element, true),
            Event::End(_) => {
                state.close();
                Ok(())
            }
            Event::Text(content) => state.text(&content),
            Event::CData(content) => state.text(&content),
            Event::GeneralRef(reference) => state.reference(&reference),
            Event::Decl(declaration) => check_encoding(declaration.encoding()),
            Event::DocType(_) => Err(ReportProblem::DocumentType),
            Event::Comment(_) | Event::PI(_) => Ok(()),
            Event::Eof => {
                return state.finish().map_err(|reason| (Some(line_at(text, position)), reason));
            }
        };
        step.map_err(|reason| (Some(line_at(text, position)), reason))?;
    }
}

/// Checks the encoding that the XML declaration names.
fn check_encoding<E: std::fmt::Display>(
    declared: Option<Result<Cow<'_, str>, E>>,
) -> Result<(), ReportProblem> {
    match declared {
        None => Ok(()),
        Some(Err(error)) => Err(not_xml(&error.to_string())),
        Some(Ok(name)) if is_utf8(&name) => Ok(()),
        Some(Ok(name)) => Err(ReportProblem::NotUtf8 { found: shown(&name, 40) }),
    }
}

fn not_xml(cause: &str) -> ReportProblem {
    ReportProblem::NotXml { cause: shown(cause, MAX_NAME) }
}

/// What an element means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    Suites,
    Suite,
    Case,
    Failure,
    Error,
    Skipped,
    Other,
}

impl Element {
    fn named(name: &str) -> Self {
        match name {
            "testsuites" => Self::Suites,
            "testsuite" => Self::Suite,
            "testcase" => Self::Case,
            "failure" => Self::Failure,
            "error" => Self::Error,
            "skipped" => Self::Skipped,
            _ => Self::Other,
        }
    }
}

/// The test that is being read.
#[derive(Debug, Default)]
struct Case {
    class: String,
    name: String,
    skipped: bool,
    /// `failure` or `error`, the first of them, and its message.
    failed: Option<(Element, String)>,
}

#[derive(Debug, Default)]
struct State<'a> {
    parsed: Parsed,
    /// The tests, as `class::name`, whose passing is told.
    failed_before: Option<&'a BTreeSet<String>>,
    /// The open elements, with the names that an error would show.
    open: Vec<(Element, String)>,
    seen_root: bool,
    case: Option<Case>,
    /// The text of the `failure` or `error` that is open and has no message of its own.
    collecting: bool,
    /// The sum of the `failures` and `errors` of the outermost suites.
    counted: u64,
    /// The sum that the root `<testsuites>` has.
    counted_by_root: u64,
}

impl State<'_> {
    fn open(&mut self, start: &BytesStart<'_>, empty: bool) -> Result<(), ReportProblem> {
        let local = start.local_name();
        let name: &str = local.as_ref();
        let element = Element::named(name);
        let parent = self.open.last().map(|(parent, _)| *parent);
        if parent.is_none() {
            if self.seen_root {
                return Err(not_xml("a second root element"));
            }
            if !matches!(element, Element::Suites | Element::Suite) {
                return Err(ReportProblem::NotAReport { root: shown(name, 60) });
            }
            self.seen_root = true;
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(ReportProblem::TooDeep { limit: MAX_DEPTH });
        }
        match element {
            Element::Suite => self.suite(start, parent)?,
            Element::Case => self.case(start)?,
            Element::Failure | Element::Error => self.failure(element, start, parent)?,
            Element::Skipped => {
                if let (Some(case), Some(Element::Case)) = (&mut self.case, parent) {
                    case.skipped = true;
                }
            }
            Element::Suites => self.counted_by_root = failures_counted(&attributes(start)?),
            Element::Other => {}
        }
        self.open.push((element, shown(name, 60)));
        if empty {
            self.close();
        }
        Ok(())
    }

    fn suite(
        &mut self,
        start: &BytesStart<'_>,
        parent: Option<Element>,
    ) -> Result<(), ReportProblem> {
        let attributes = attributes(start)?;
        if let Some((_, value)) = attributes.iter().find(|(key, _)| key == "timestamp") {
            self.parsed.latest = self.parsed.latest.max(instant(value));
        }
        // A nested suite is counted by the one around it.
        if parent != Some(Element::Suite) {
            self.counted = self.counted.saturating_add(failures_counted(&attributes));
        }
        Ok(())
    }

    fn case(&mut self, start: &BytesStart<'_>) -> Result<(), ReportProblem> {
        if self.case.is_some() {
            return Err(not_xml("a <testcase> inside a <testcase>"));
        }
        let mut case = Case::default();
        for (key, value) in attributes(start)? {
            match key.as_str() {
                "classname" => case.class = shown(&value, MAX_NAME),
                "name" => case.name = shown(&value, MAX_NAME),
                // gtest: a disabled test was not run.
                "status" => case.skipped |= value == "notrun",
                _ => {}
            }
        }
        self.case = Some(case);
        Ok(())
    }

    fn failure(
        &mut self,
        element: Element,
        start: &BytesStart<'_>,
        parent: Option<Element>,
    ) -> Result<(), ReportProblem> {
        let mut message = String::new();
        for (key, value) in attributes(start)? {
            if key == "message" || (key == "type" && message.is_empty()) {
                message = shown(&value, MAX_MESSAGE);
            }
        }
        match (parent, &mut self.case) {
            (Some(Element::Case), Some(case)) if case.failed.is_none() => {
                self.collecting = message.is_empty();
                case.failed = Some((element, message));
            }
            (Some(Element::Suite | Element::Suites), None) => {
                self.parsed.report.tests += 1;
                self.record(
                    element,
                    FailedTest {
                        class: String::new(),
                        name: "(the suite itself)".to_owned(),
                        message,
                    },
                );
            }
            _ => {}
        }
        Ok(())
    }

    /// The parser's syntax errors are about markup that the end of the file cuts off.
    fn unreadable(&self, error: &quick_xml::Error) -> ReportProblem {
        match (error, self.open.last()) {
            (quick_xml::Error::Syntax(SyntaxError::InvalidBangMarkup), _) => {
                not_xml(&error.to_string())
            }
            (quick_xml::Error::Syntax(_), Some((_, open))) => {
                ReportProblem::Truncated { open: open.clone() }
            }
            _ => not_xml(&error.to_string()),
        }
    }

    fn text(&mut self, content: &str) -> Result<(), ReportProblem> {
        if self.open.is_empty() && !content.trim().is_empty() {
            return Err(not_xml("text outside the root element"));
        }
        if let Some(message) = self.collected() {
            let room = MAX_MESSAGE.saturating_sub(message.chars().count());
            message.extend(content.chars().take(room));
        }
        Ok(())
    }

    /// The message that text is added to at the moment.
    fn collected(&mut self) -> Option<&mut String> {
        let case = self.case.as_mut().filter(|_| self.collecting)?;
        case.failed.as_mut().map(|(_, message)| message)
    }

    /// A character reference or one of XML's own five entities; others would need a document type.
    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), ReportProblem> {
        let number = reference.resolve_char_ref().map_err(|error| not_xml(&error.to_string()))?;
        match (number, resolve_predefined_entity(reference)) {
            (Some(c), _) => self.text(c.encode_utf8(&mut [0; 4])),
            (None, Some(own)) => self.text(own),
            (None, None) => {
                let name: &str = reference;
                Err(not_xml(&format!("unknown entity &{name};")))
            }
        }
    }

    fn close(&mut self) {
        let closed = self.open.pop();
        match closed {
            Some((Element::Failure | Element::Error, _)) => {
                if let Some(message) = self.collected() {
                    *message = shown(message, MAX_MESSAGE);
                }
                self.collecting = false;
            }
            Some((Element::Case, _)) => {
                let Some(case) = self.case.take() else { return };
                self.parsed.report.tests += 1;
                match case.failed {
                    Some((element, message)) => {
                        let (class, name) = (case.class, case.name);
                        self.record(element, FailedTest { class, name, message });
                    }
                    None if case.skipped => self.parsed.report.skipped += 1,
                    None => self.passed(&case),
                }
            }
            _ => {}
        }
    }

    fn passed(&mut self, case: &Case) {
        let name = full_name(&case.class, &case.name);
        if self.failed_before.is_some_and(|names| names.contains(&name)) {
            self.parsed.report.passed_again.insert(name);
        }
    }

    fn record(&mut self, element: Element, test: FailedTest) {
        let report = &mut self.parsed.report;
        if element == Element::Error {
            report.errors += 1;
        } else {
            report.failed += 1;
        }
        if report.failures.len() < Report::MAX_LISTED {
            report.failures.push(test);
        }
    }

    fn finish(mut self) -> Result<Parsed, ReportProblem> {
        if let Some((_, open)) = self.open.pop() {
            return Err(ReportProblem::Truncated { open });
        }
        if !self.seen_root {
            return Err(not_xml("has no root element"));
        }
        let report = &self.parsed.report;
        let found = report.failed + report.errors;
        let counted = self.counted.max(self.counted_by_root);
        if found == 0 && counted > 0 {
            return Err(ReportProblem::CountsDisagree { counted });
        }
        if report.tests == 0 {
            return Err(ReportProblem::NoTests);
        }
        Ok(self.parsed)
    }
}

/// Returns the attributes of an element, with XML's own entities resolved and no others.
fn attributes(start: &BytesStart<'_>) -> Result<Vec<(String, String)>, ReportProblem> {
    let mut found = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| not_xml(&error.to_string()))?;
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|error| not_xml(&error.to_string()))?;
        let key: &str = attribute.key.as_ref();
        found.push((key.to_owned(), value.into_owned()));
    }
    Ok(found)
}

/// Adds up the counters of failed tests.
fn failures_counted(attributes: &[(String, String)]) -> u64 {
    attributes
        .iter()
        .filter(|(key, _)| key == "failures" || key == "errors")
        .filter_map(|(_, value)| value.trim().parse::<u64>().ok())
        .fold(0, u64::saturating_add)
}

/// Reads a suite's `timestamp`. Many writers leave the zone out: then the latest instant that it
/// can mean counts.
fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse::<Timestamp>().ok().or_else(|| {
        let local: DateTime = text.parse().ok()?;
        let as_utc = jiff::tz::Offset::UTC.to_timestamp(local).ok()?;
        as_utc.checked_add(MOST_WESTERN).ok()
    })
}
