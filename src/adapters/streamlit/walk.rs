//! The walk through the pages of an app, and what it has found.

use std::time::Duration;

use super::messages::{AppPage, ClientState, WidgetState, WidgetStates};
use super::session::{Broken, Run, Session};
use super::{MAX_PAGES, MAX_TOLD, broken_page, element, first_name, is_called, judge, name_of};
use crate::http::one_line;
use crate::probe::{Attempt, ProbeFailure, StreamlitCheck};

/// A page whose run did not end; the session is of no use any more.
pub struct Stopped {
    /// Its name.
    pub page: String,
    /// What it sent until then.
    pub run: Run,
    /// Why it did not end.
    pub broken: Broken,
}

/// The walk through the pages, and what it has found.
pub struct Walk<'a> {
    check: &'a StreamlitCheck,
    failures: Vec<ProbeFailure>,
    pages: usize,
    elements: usize,
    missing_texts: Vec<&'a str>,
    missing_elements: Vec<&'a str>,
    missing_buttons: Vec<&'a str>,
}

impl<'a> Walk<'a> {
    /// Begins a walk.
    pub fn new(check: &'a StreamlitCheck) -> Self {
        let all = |names: &'a [String]| names.iter().map(String::as_str).collect();
        Self {
            check,
            failures: Vec::new(),
            pages: 0,
            elements: 0,
            missing_texts: all(&check.require_text),
            missing_elements: all(&check.require_element),
            missing_buttons: all(&check.press),
        }
    }

    /// Walks all pages; the first one is the one that people see when they open the app.
    pub async fn all(&mut self, session: &mut Session) -> Result<(), Stopped> {
        let mut run = Run::default();
        let state = ClientState::default();
        if let Err(broken) = session.run(state, &mut run).await {
            return Err(Stopped { page: first_name(session), run, broken });
        }
        // An app that fails before `st.navigation` names no pages.
        let first_failed = judge::judge(&first_name(session), &run, self.check).err();
        let pages = session.pages.clone();
        let first_hash = run.page_hash.clone();
        let at = pages.iter().position(|page| page.page_script_hash == first_hash).unwrap_or(0);
        let chosen = match self.choose(&pages) {
            Ok(chosen) => chosen,
            Err(unknown) => {
                self.failures.push(first_failed.unwrap_or(unknown));
                return Ok(());
            }
        };
        if chosen.contains(&at) || pages.is_empty() {
            let name = name_of(session, pages.get(at));
            self.look(session, &name, &mut run).await?;
        }
        for index in chosen.into_iter().filter(|index| *index != at) {
            let Some(page) = pages.get(index) else { continue };
            let name = name_of(session, Some(page));
            let page_script_hash = page.page_script_hash.clone();
            let mut run = Run::default();
            let state = ClientState { page_script_hash, ..ClientState::default() };
            if let Err(broken) = session.run(state, &mut run).await {
                return Err(Stopped { page: name, run, broken });
            }
            self.look(session, &name, &mut run).await?;
        }
        Ok(())
    }

    /// Looks at a page that ran, and does on it what the check asks for.
    async fn look(
        &mut self,
        session: &mut Session,
        page: &str,
        run: &mut Run,
    ) -> Result<(), Stopped> {
        self.pages += 1;
        self.elements += run.screen.elements().count();
        self.find(run);
        if let Err(failure) = judge::judge(page, run, self.check) {
            self.failures.push(failure);
            return Ok(());
        }
        self.run_fragments(session, page, run).await?;
        self.press(session, page, run).await
    }

    /// Crosses off what the page shows of what is required.
    fn find(&mut self, run: &Run) {
        self.missing_texts.retain(|wanted| !run.screen.texts().any(|text| text.contains(wanted)));
        self.missing_elements
            .retain(|wanted| !run.screen.elements().any(|element| element.is_called(wanted)));
    }

    /// Runs the fragments once more that a browser would run at times (`run_every`).
    async fn run_fragments(
        &mut self,
        session: &mut Session,
        page: &str,
        run: &mut Run,
    ) -> Result<(), Stopped> {
        for fragment_id in run.fragments.clone() {
            let state = ClientState {
                page_script_hash: run.page_hash.clone(),
                fragment_id,
                is_auto_rerun: true,
                ..ClientState::default()
            };
            self.again(session, page, run, state).await?;
            if let Err(mut failure) = judge::judge(page, run, self.check) {
                failure.what.push_str(" (when a fragment ran again)");
                self.failures.push(failure);
                break;
            }
        }
        Ok(())
    }

    /// Presses the buttons that the check names, where the page has them.
    async fn press(
        &mut self,
        session: &mut Session,
        page: &str,
        run: &mut Run,
    ) -> Result<(), Stopped> {
        for label in &self.check.press {
            let Some(id) = run.screen.button(label).map(str::to_owned) else { continue };
            self.missing_buttons.retain(|missing| missing != label);
            let pressed = WidgetState { id, trigger_value: Some(true) };
            let state = ClientState {
                page_script_hash: run.page_hash.clone(),
                widget_states: Some(WidgetStates { widgets: vec![pressed] }),
                ..ClientState::default()
            };
            self.again(session, page, run, state).await?;
            self.find(run);
            if let Err(mut failure) = judge::judge(page, run, self.check) {
                failure.what =
                    format!("{} (after \"{}\" was pressed)", failure.what, one_line(label));
                self.failures.push(failure);
                break;
            }
        }
        Ok(())
    }

    async fn again(
        &self,
        session: &mut Session,
        page: &str,
        run: &mut Run,
        state: ClientState,
    ) -> Result<(), Stopped> {
        session.run(state, run).await.map_err(|broken| Stopped {
            page: page.to_owned(),
            run: std::mem::take(run),
            broken,
        })
    }

    /// Returns the numbers of the pages that the check names, in the order of the app.
    fn choose(&self, pages: &[AppPage]) -> Result<Vec<usize>, ProbeFailure> {
        if pages.len() > MAX_PAGES {
            return Err(ProbeFailure::new(format!("the app has more than {MAX_PAGES} pages")));
        }
        if self.check.pages.is_empty() {
            return Ok((0..pages.len()).collect());
        }
        let unknown =
            self.check.pages.iter().find(|name| !pages.iter().any(|page| is_called(page, name)));
        if let Some(unknown) = unknown {
            let names: Vec<String> = pages
                .iter()
                .take(20)
                .map(|page| format!("\"{}\"", one_line(&page.page_name)))
                .collect();
            return Err(ProbeFailure::new(format!(
                "the app has no page \"{}\"; it has {}",
                one_line(unknown),
                names.join(", ")
            )));
        }
        let wanted = |page: &AppPage| self.check.pages.iter().any(|name| is_called(page, name));
        Ok((0..pages.len()).filter(|index| pages.get(*index).is_some_and(wanted)).collect())
    }

    /// Says what became of a walk that came to its end.
    pub fn finish(mut self, session: &Session) -> Attempt {
        if self.failures.is_empty() {
            self.failures.extend(self.missing());
        }
        if !self.failures.is_empty() {
            return Attempt::Failed(self.together());
        }
        let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let pages = count(self.pages, "page");
        let elements = count(self.elements, "element");
        Attempt::Passed { seen: format!("{pages}, {elements}, Streamlit {}", session.version) }
    }

    /// What is required and was not there.
    fn missing(&self) -> Option<ProbeFailure> {
        let quoted = |names: &[&str]| {
            names
                .iter()
                .map(|name| format!("\"{}\"", one_line(name)))
                .collect::<Vec<_>>()
                .join(", ")
        };
        if !self.missing_texts.is_empty() {
            let what = format!("no page shows the text {}", quoted(&self.missing_texts));
            return Some(ProbeFailure::new(what));
        }
        if !self.missing_elements.is_empty() {
            let unknown = self.missing_elements.iter().find(|name| !element::is_known(name));
            let hint = unknown.map_or_else(String::new, |name| {
                format!(" (Streamlit calls no element `{}`)", one_line(name))
            });
            let what =
                format!("no page shows the element {}{hint}", quoted(&self.missing_elements));
            return Some(ProbeFailure::new(what));
        }
        if !self.missing_buttons.is_empty() {
            let what = format!("no page has the button {}", quoted(&self.missing_buttons));
            return Some(ProbeFailure::new(what));
        }
        None
    }

    /// Says what became of a walk that stopped at a page.
    pub fn stopped(mut self, page: &str, run: &Run, broken: &Broken, timeout: Duration) -> Attempt {
        // What failed before is conclusive, whatever stopped the walk.
        if self.failures.is_empty()
            && let Broken::Garbage(seen) = broken
        {
            return Attempt::Impossible {
                why: format!(
                    "what answers does not speak Streamlit's protocol as it is known: {seen}"
                ),
            };
        }
        if self.failures.is_empty()
            && let Broken::TimedOut { messages, known: 0 } = broken
            && *messages > 0
        {
            return Attempt::Impossible {
                why: format!(
                    "{messages} messages came, and none of them is known: is this Streamlit, \
                     or a version that is newer than this tidegate?"
                ),
            };
        }
        self.failures.push(ProbeFailure::new(broken_page(page, run, broken, timeout)));
        Attempt::Failed(self.together())
    }

    /// Makes one failure of those of all pages.
    fn together(self) -> ProbeFailure {
        let (count, pages) = (self.failures.len(), self.pages.max(self.failures.len()));
        let mut failures = self.failures.into_iter();
        let Some(first) = failures.next() else { return ProbeFailure::new("nothing failed") };
        if count == 1 {
            return first;
        }
        let mut details = vec![told(&first)];
        details.extend(failures.take(MAX_TOLD - 1).map(|failure| told(&failure)));
        if count > MAX_TOLD {
            details.push(format!("and {} more", count - MAX_TOLD));
        }
        ProbeFailure::new(format!("{count} of {pages} pages fail: {}", first.what))
            .with_detail(details.join("\n\n"))
    }
}

/// A failure with its lines.
fn told(failure: &ProbeFailure) -> String {
    match &failure.detail {
        Some(detail) => format!("{}\n{detail}", failure.what),
        None => failure.what.clone(),
    }
}
