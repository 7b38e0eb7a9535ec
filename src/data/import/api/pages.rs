//! How the next page is asked for.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use url::Url;

use super::answer::{Answer, Found};
use super::{MOST_PAGES, MOST_ROWS};
use crate::config::{PagesBy, PagesConfig};

/// The longest cursor, in bytes: it becomes part of an address.
const LONGEST_CURSOR: usize = 4096;

/// What an answer says about the next page.
#[derive(Debug)]
pub struct Page<'a> {
    /// How many rows it had.
    pub rows: u64,
    /// The address that sent it: where a redirect led, not the one that was asked.
    pub sender: &'a Url,
    /// The values of its headers `Link`.
    pub links: &'a [String],
    /// What it says; `None` where its body is empty.
    pub answer: Option<&'a Answer<'a>>,
    /// Its body.
    pub body: &'a [u8],
}

/// Why the next page is not asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PagesProblem {
    /// There are too many pages.
    #[error("there are more than {MOST_PAGES} pages")]
    TooMany,
    /// There are too many rows.
    #[error("there are more than {MOST_ROWS} rows")]
    TooManyRows,
    /// It was asked for before.
    #[error("page {page} leads to a page that was read before, so the pages would never end")]
    Loop {
        /// The page, from 1.
        page: u32,
    },
    /// The page number makes no difference.
    #[error(
        "page {page} is the same as the page before: the API does not know the parameter {parameter:?}"
    )]
    Same {
        /// The page, from 1.
        page: u32,
        /// The parameter of the page.
        parameter: String,
    },
    /// There are more pages, and nobody says how they are asked for.
    #[error(
        "there are more rows than page {page} has: its {place} {says}, and no `pages` are declared"
    )]
    Undeclared {
        /// The page, from 1.
        page: u32,
        /// A JSON pointer, or the name of the header.
        place: &'static str,
        /// What it says.
        says: &'static str,
    },
    /// The next page is elsewhere.
    #[error("page {page} leads to another server, {origin}, which is not asked")]
    Elsewhere {
        /// The page, from 1.
        page: u32,
        /// Scheme, host and port of the other.
        origin: String,
    },
    /// What should lead on is not what it should be.
    #[error("page {page}, {place}: {problem}")]
    Unreadable {
        /// The page, from 1.
        page: u32,
        /// A JSON pointer, or the name of the header.
        place: String,
        /// What is wrong.
        problem: String,
    },
}

/// Turns the pages of an API.
#[derive(Debug)]
pub struct Turner<'a> {
    base: Url,
    config: Option<&'a PagesConfig>,
    /// The page that was asked for last, from 1.
    page: u32,
    rows: u64,
    /// What has led to a page.
    seen: HashSet<u64>,
    /// What the last page was.
    last: Option<u64>,
    /// Whether the last page had fewer rows than were asked for.
    is_short: bool,
}

impl<'a> Turner<'a> {
    /// Begins with an address and the parameters of every request, which replace those of the same names
    /// in the address.
    pub fn new(
        address: &Url,
        parameters: impl IntoIterator<Item = (String, String)>,
        config: Option<&'a PagesConfig>,
    ) -> Self {
        let mut base = address.clone();
        base.set_fragment(None);
        for (name, value) in parameters {
            base = with(&base, &name, &value);
        }
        if let Some(PagesConfig { size_parameter: Some(name), size: Some(size), .. }) = config {
            base = with(&base, name, &size.to_string());
        }
        Self { base, config, page: 1, rows: 0, seen: HashSet::new(), last: None, is_short: false }
    }

    /// Returns the address of the first page.
    pub fn first(&mut self) -> Url {
        let first = match self.config {
            Some(config) if config.by == PagesBy::Page => {
                with(&self.base, &parameter(config), &first_number(config).to_string())
            }
            Some(_) | None => self.base.clone(),
        };
        self.seen.insert(digest(first.as_str().as_bytes()));
        first
    }

    /// Returns the page that was asked for last, from 1.
    pub fn page(&self) -> u32 {
        self.page
    }

    /// Tells whether the page that was asked for last need not be there: the one before it had fewer rows
    /// than were asked for, and some servers say 404 after the last page.
    pub fn may_be_over(&self) -> bool {
        self.is_short
    }

    /// Returns the address of the page after `page`; `None` where that was the last.
    pub fn next(&mut self, page: &Page<'_>) -> Result<Option<Url>, PagesProblem> {
        self.rows += page.rows;
        if self.rows > MOST_ROWS {
            return Err(PagesProblem::TooManyRows);
        }
        let Some(config) = self.config else { return self.undeclared(page).map_or(Ok(None), Err) };
        let next = match config.by {
            PagesBy::Link => self.linked(page)?,
            PagesBy::Cursor => self.cursor(config, page.answer)?,
            PagesBy::Page => self.counted(config, page)?,
        };
        let Some(next) = next else { return Ok(None) };
        if !self.seen.insert(digest(next.as_str().as_bytes())) {
            return Err(PagesProblem::Loop { page: self.page });
        }
        if self.page >= MOST_PAGES {
            return Err(PagesProblem::TooMany);
        }
        self.page += 1;
        Ok(Some(next))
    }

    /// Looks whether a page says that it is not the last, in one of the ways that are common: a part of
    /// the rows would pass for all of them.
    fn undeclared(&self, page: &Page<'_>) -> Option<PagesProblem> {
        let problem = |place, says| PagesProblem::Undeclared { page: self.page, place, says };
        if page.links.iter().any(|value| next_link(value).is_some()) {
            return Some(problem("header Link", "names a next page"));
        }
        let answer = page.answer?;
        match answer.find("/next_cursor") {
            Found::Text(text) if text.is_empty() => {}
            Found::Text(_) | Found::Number(_) => {
                return Some(problem("/next_cursor", "names a next page"));
            }
            Found::Missing | Found::Null | Found::Other(_) => {}
        }
        match answer.find("/has_more") {
            Found::Other("true") => Some(problem("/has_more", "says that there are more")),
            Found::Missing | Found::Null | Found::Text(_) | Found::Number(_) | Found::Other(_) => {
                None
            }
        }
    }

    fn counted(
        &mut self,
        config: &PagesConfig,
        page: &Page<'_>,
    ) -> Result<Option<Url>, PagesProblem> {
        if page.rows == 0 {
            return Ok(None);
        }
        // Not the end by itself: a server may send fewer rows than it is asked for.
        self.is_short = config.size.is_some_and(|size| page.rows < u64::from(size));
        let parameter = parameter(config);
        if self.last.replace(digest(page.body)) == Some(digest(page.body)) {
            return Err(PagesProblem::Same { page: self.page, parameter });
        }
        let number = u64::from(first_number(config)) + u64::from(self.page);
        Ok(Some(with(&self.base, &parameter, &number.to_string())))
    }

    fn cursor(
        &self,
        config: &PagesConfig,
        answer: Option<&Answer<'_>>,
    ) -> Result<Option<Url>, PagesProblem> {
        let pointer = config.next.as_deref().unwrap_or("/next_cursor");
        let Some(answer) = answer else { return Ok(None) };
        let wrong = |problem: String| PagesProblem::Unreadable {
            page: self.page,
            place: pointer.to_owned(),
            problem,
        };
        let cursor = match answer.find(pointer) {
            // Some APIs say `false` where there is no more.
            Found::Missing | Found::Null | Found::Other("false") => return Ok(None),
            Found::Text(text) if text.is_empty() => return Ok(None),
            Found::Text(text) | Found::Number(text) => text,
            Found::Other(kind) => return Err(wrong(format!("expected a cursor, found {kind}"))),
        };
        if cursor.len() > LONGEST_CURSOR {
            return Err(wrong(format!("expected a cursor of at most {LONGEST_CURSOR} bytes")));
        }
        Ok(Some(with(&self.base, &parameter(config), &cursor)))
    }

    /// A link is read from the page that sent it (RFC 8288, section 3.1; RFC 3986, section 5.1.3).
    fn linked(&self, page: &Page<'_>) -> Result<Option<Url>, PagesProblem> {
        let target = page.links.iter().find_map(|value| next_link(value));
        let Some(target) = target else { return Ok(None) };
        let wrong = |problem: &str| PagesProblem::Unreadable {
            page: self.page,
            place: "Link".to_owned(),
            problem: problem.to_owned(),
        };
        if target.len() > LONGEST_CURSOR {
            return Err(wrong("expected an address of at most 4096 bytes"));
        }
        let mut url = page.sender.join(target).map_err(|_| wrong("expected an address"))?;
        if url.origin() != self.base.origin() {
            let origin = url.origin().ascii_serialization();
            return Err(PagesProblem::Elsewhere { page: self.page, origin });
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("expected an address without a user or password"));
        }
        url.set_fragment(None);
        Ok(Some(url))
    }
}

fn parameter(config: &PagesConfig) -> String {
    let usual = match config.by {
        PagesBy::Cursor => "cursor",
        PagesBy::Page | PagesBy::Link => "page",
    };
    config.parameter.clone().unwrap_or_else(|| usual.to_owned())
}

fn first_number(config: &PagesConfig) -> u32 {
    config.first.unwrap_or(1)
}

/// Sets one parameter of an address.
fn with(url: &Url, name: &str, value: &str) -> Url {
    let mut changed = url.clone();
    let is_there = url.query_pairs().any(|(known, _)| known == name);
    if is_there {
        let kept = url.query_pairs().filter(|(known, _)| known != name);
        changed.query_pairs_mut().clear().extend_pairs(kept).append_pair(name, value);
    } else {
        changed.query_pairs_mut().append_pair(name, value);
    }
    changed
}

fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// Finds the target of `rel="next"` in a value of `Link` (RFC 8288, section 3).
fn next_link(value: &str) -> Option<&str> {
    let mut rest = value;
    loop {
        let (target, after) = rest.split_once('<')?.1.split_once('>')?;
        let (parameters, following) = parameters(after);
        let is_next = parameters.iter().any(|(name, relations)| {
            name.eq_ignore_ascii_case("rel")
                && relations.split_ascii_whitespace().any(|one| one.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(target.trim());
        }
        rest = following;
    }
}

/// Reads the parameters of one link, up to the comma that ends it; returns what follows, too.
fn parameters(text: &str) -> (Vec<(&str, &str)>, &str) {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(after) = rest.strip_prefix(';') else {
            return (found, rest.strip_prefix(',').unwrap_or(rest));
        };
        let end = after.find(['=', ';', ',']).unwrap_or(after.len());
        let (name, value) = after.split_at(end);
        let Some(value) = value.strip_prefix('=') else {
            rest = value;
            continue;
        };
        let value = value.trim_start();
        let (value, following) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => value.split_at(value.find([';', ',']).unwrap_or(value.len())),
        };
        found.push((name.trim(), value.trim()));
        rest = following;
    }
}
