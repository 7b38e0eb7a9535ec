//! Rows of an API: asks page by page, and keeps them in a file of this run until they are imported.
//!
//! One page is in memory at a time. The key goes to the server that was named, in a header; it stands
//! in no address, message or log.

use std::path::Path;

use jiff::Timestamp;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LINK,
};
use reqwest::{Method, StatusCode};
use serde_json::value::RawValue;
use tokio::time::Instant;
use url::Url;

use super::rows::{Answers, Batch, RowsError};
use crate::data::import::api::{
    self, Answer, AnswerProblem, Cells, LARGEST_ANSWER, Mark, Now, Page, Period, PeriodProblem,
    Turner,
};
use crate::data::import::{Import, Row};
use crate::http::{
    Client, Options, Repeat, Request, Response, RetryPolicy, is_loopback, summary, without_query,
};
use crate::secret::{Redactor, Secret};

mod failed;

pub use failed::ApiError;

/// The most rows of other shapes than declared that are kept for the report.
const MOST_MISSHAPEN: usize = 10_000;

/// The longest that an API is waited for because it asks for it. Limits are often counted by the minute.
const LONGEST_WAIT: std::time::Duration = std::time::Duration::from_mins(2);

/// What an API is asked for.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// What each row has to be, and how the API is asked.
    pub import: &'a Import,
    /// The address that the command names.
    pub url: Option<&'a str>,
    /// The number of days before today.
    pub days: Option<u32>,
    /// What the database remembers of the last import.
    pub watermark: Option<&'a str>,
    /// Looks variables of the environment up.
    pub environment: &'a (dyn Fn(&str) -> Option<String> + Send + Sync),
    /// A private folder of this run.
    pub folder: &'a Path,
    /// When the import began.
    pub now: Timestamp,
    /// Is told what happens, for people who wait.
    pub say: &'a (dyn Fn(&str) + Send + Sync),
}

impl std::fmt::Debug for Asking<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asking")
            .field("import", &self.import.name)
            .field("days", &self.days)
            .field("watermark", &self.watermark)
            .finish_non_exhaustive()
    }
}

/// Where an API is, and what opens it.
struct Access {
    url: Url,
    key: Option<Secret>,
    variable: String,
    redactor: Redactor,
}

/// Asks for all pages.
///
/// # Errors
/// [`ApiError`]; nothing of what was read is of use then.
pub async fn ask(asking: &Asking<'_>) -> Result<Batch, ApiError> {
    let access = Access::of(asking)?;
    // A server may say the key back, wherever it says something.
    pages(asking, &access).await.map_err(|error| error.redacted(&access.redactor))
}

async fn pages(asking: &Asking<'_>, access: &Access) -> Result<Batch, ApiError> {
    let Asking { import, days, watermark, now, .. } = *asking;
    let config = &import.api;
    let period = Period::of(import, days, watermark, now)?;
    let timeout = api::timeout(config.timeout.as_deref()).map_err(ApiError::Declared)?;
    let place = without_query(&access.url);
    let client = Client::new(Options {
        retry: RetryPolicy {
            attempts: 6,
            longest_delay: LONGEST_WAIT,
            ends_where_asked_for_more: true,
            total: timeout * 10,
            ..RetryPolicy::default()
        },
        attempt_timeout: timeout,
        ..Options::default()
    });
    let headers = access.headers(config.key_header.as_deref())?;
    let own = config.parameters.clone();
    let parameters = own.into_iter().chain(period.parameters);
    let mut turner = Turner::new(&access.url, parameters, config.pages.as_ref());
    let mut taking = Taking::new(asking, &place)?;
    let begun = Instant::now();
    let mut next = Some(turner.first());
    (asking.say)(&format!("asking {place} {}", period.words));
    while let Some(url) = next {
        let page = turner.page();
        if page > 1 {
            (asking.say)(&format!("asking {place}, page {page}"));
        }
        let passed = jiff::SignedDuration::try_from(begun.elapsed()).unwrap_or_default();
        let answer = match send(&client, access, &headers, url, now + passed).await {
            Err(ApiError::Refused { status: StatusCode::NOT_FOUND, .. })
                if turner.may_be_over() =>
            {
                break;
            }
            answer => answer?,
        };
        let (rows, read) = taking.take(&answer, page)?;
        let links = links(&answer.headers);
        let page = Page {
            rows,
            sender: &answer.url,
            links: &links,
            answer: read.as_ref(),
            body: &answer.body,
        };
        let turned = turner.next(&page);
        next = turned.map_err(|problem| ApiError::Pages { place: place.clone(), problem })?;
    }
    let reached = taking.reached.filter(|_| !period.leaves_a_gap);
    Ok(taking.answers.finish(&place, reached)?)
}

impl Access {
    fn of(asking: &Asking<'_>) -> Result<Self, ApiError> {
        let (import, config) = (asking.import, &asking.import.api);
        let url_variable = api::url_variable(&import.name, config);
        let text = asking.url.map(str::to_owned).or_else(|| config.url.clone());
        let text = text
            .or_else(|| (asking.environment)(&url_variable))
            .ok_or(ApiError::NoAddress { import: import.name.clone(), variable: url_variable })?;
        let url = api::address(&text).map_err(|problem| ApiError::Address { problem })?;
        let variable = api::key_variable(&import.name, config);
        let key = (asking.environment)(&variable).map(|key| key.trim().to_owned());
        let key = key.filter(|key| !key.is_empty()).map(Secret::new);
        let mut redactor = Redactor::new();
        let Some(key) = key else {
            if config.key_env.is_some() {
                return Err(ApiError::NoKey { import: import.name.clone(), variable });
            }
            return Ok(Self { url, key: None, variable, redactor });
        };
        redactor.add(&key);
        if redactor.redact(url.as_str()) != url.as_str() {
            return Err(ApiError::KeyInAddress { variable });
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            return Err(ApiError::Plain { place: without_query(&url), variable });
        }
        Ok(Self { url, key: Some(key), variable, redactor })
    }

    /// Returns the headers of every request. The key is marked, so that it stays with its server.
    fn headers(&self, key_header: Option<&str>) -> Result<HeaderMap, ApiError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let Some(key) = &self.key else { return Ok(headers) };
        let unfit = || ApiError::UnfitKey { variable: self.variable.clone() };
        let (name, text) = match key_header {
            Some(name) => (
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| unfit())?,
                key.expose().to_owned(),
            ),
            None => (AUTHORIZATION, format!("Bearer {}", key.expose())),
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| unfit())?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok(headers)
    }
}

/// Asks for one page.
async fn send(
    client: &Client,
    access: &Access,
    headers: &HeaderMap,
    url: Url,
    now: Timestamp,
) -> Result<Response, ApiError> {
    let place = without_query(&url);
    let request = Request {
        method: Method::GET,
        url,
        headers: headers.clone(),
        authorization: None,
        body: Vec::new(),
        repeat: Repeat::Always,
        largest_body: LARGEST_ANSWER,
        deadline: Some(Instant::now() + client.policy().total),
    };
    let answer = client.send(&request).await;
    let answer = answer.map_err(|error| ApiError::Http { place: place.clone(), error })?;
    if !answer.same_origin {
        return Err(ApiError::Moved { place });
    }
    if answer.status.is_success() {
        return Ok(answer);
    }
    let said = summary(&answer.body);
    let said = if said.is_empty() { said } else { format!(": {said}") };
    let (status, attempts) = (answer.status, answer.attempts);
    Err(match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ApiError::Denied {
            place,
            status,
            said,
            sent: access.key.is_some(),
            variable: access.variable.clone(),
        },
        _ if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => {
            let asked = answer.retry_after().filter(|asked| *asked > LONGEST_WAIT);
            let again = asked.map(|asked| jiff::SignedDuration::try_from(asked).ok());
            let again = again.flatten().and_then(|asked| now.checked_add(asked).ok());
            let again = again.map(|time| time.strftime("%Y-%m-%d %H:%M UTC").to_string());
            ApiError::Unavailable { place, status, said, attempts, again }
        }
        _ => ApiError::Refused { place, status, said },
    })
}

fn links(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    values.map(str::to_owned).collect()
}

/// Takes the rows of answers.
struct Taking<'a> {
    import: &'a Import,
    place: &'a str,
    now: Timestamp,
    answers: Answers,
    cells: Cells,
    row: Row,
    today: Now,
    /// The column of the watermark, and how its values are compared.
    mark: Option<(usize, Mark)>,
    /// The largest value of it among the good rows.
    reached: Option<String>,
}

impl<'a> Taking<'a> {
    fn new(asking: &Asking<'a>, place: &'a str) -> Result<Self, ApiError> {
        let import = asking.import;
        let column = import.api.watermark.as_ref();
        let found = column.and_then(|name| import.columns.iter().position(|c| c.name == *name));
        let mark = found.and_then(|at| Mark::of(import.columns[at].kind).map(|mark| (at, mark)));
        Ok(Self {
            import,
            place,
            now: asking.now,
            answers: Answers::create(asking.folder, import).map_err(ApiError::Kept)?,
            cells: Cells::new(import),
            row: Row::default(),
            today: Now::of(import, asking.now)?,
            mark,
            reached: None,
        })
    }

    /// Takes the rows of one page; returns how many it had.
    fn take<'b>(
        &mut self,
        answer: &'b Response,
        page: u32,
    ) -> Result<(u64, Option<Answer<'b>>), ApiError> {
        let place = || self.place.to_owned();
        let import = self.import;
        let pointer = import.api.rows.as_deref().unwrap_or_default();
        self.answers.page(pointer);
        if answer.status == StatusCode::NO_CONTENT {
            return Ok((0, None));
        }
        let read = Answer::read(&answer.body, pointer).map_err(|problem| match problem {
            AnswerProblem::NoJson(_) if is_web_page(answer) => ApiError::WebPage { place: place() },
            problem => ApiError::Answer { place: place(), page, problem },
        })?;
        let rows = read.rows(|row| self.take_row(row, page))?;
        // Said once for all rows: the column has another name there, or the API has changed.
        let missing = self.cells.never_seen();
        if !missing.is_empty() {
            let problem = AnswerProblem::Schema {
                pointer: format!("{pointer}/0"),
                problem: format!("no row has the key {}{}", missing.join(", "), read.first_keys()),
            };
            return Err(ApiError::Answer { place: self.place.to_owned(), page, problem });
        }
        Ok((rows, Some(read)))
    }

    fn take_row(&mut self, row: &RawValue, page: u32) -> Result<(), ApiError> {
        let fault = self.cells.read(row);
        self.answers.row(self.cells.values()).map_err(ApiError::Kept)?;
        if let Some(fault) = fault {
            let (column, rule) = (fault.column.clone(), fault.rule.clone());
            if self.answers.wrong(fault) > MOST_MISSHAPEN {
                let problem = format!(
                    "more than {MOST_MISSHAPEN} rows are not what is declared; this one: {column}: {rule}"
                );
                let problem = AnswerProblem::Schema { pointer: String::new(), problem };
                return Err(ApiError::Answer { place: self.place.to_owned(), page, problem });
            }
            return Ok(());
        }
        if let Some((column, mark)) = self.mark
            && self.import.check(self.cells.values(), self.now, &mut self.row).is_ok()
            && let Some(Some(value)) = self.row.values().nth(column)
        {
            // A day ahead would be where the next import begins, and what today still brings be left out.
            if !mark.is_ahead(value, &self.today) {
                mark.raise(&mut self.reached, value);
            }
        }
        Ok(())
    }
}

/// Tells whether an answer is for people: a page to log in, or of a proxy.
fn is_web_page(answer: &Response) -> bool {
    let kind = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html"))
        || answer.body.trim_ascii_start().starts_with(b"<")
}

impl From<PeriodProblem> for ApiError {
    fn from(problem: PeriodProblem) -> Self {
        Self::Period(problem)
    }
}

impl From<RowsError> for ApiError {
    fn from(error: RowsError) -> Self {
        Self::Rows(error)
    }
}
