//! A published database behind a signed URL.
//!
//! Only GET is used: the signatures of S3 are for one method. RFC 9110, sections 13 (conditions) and
//! 14 (ranges).

use jiff::Timestamp;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, HeaderMap, HeaderName, HeaderValue,
    IF_MATCH, IF_NONE_MATCH, RANGE,
};
use reqwest::{Method, StatusCode};
use url::Url;

use super::{Answer, Body, Opened, Small, SourceError, SourceFile};
use crate::data::Validity;
use crate::http::{Client, HttpError, Repeat, Request, Streamed, one_line, without_query};

/// What answers, and how it is asked.
pub(super) struct Web {
    /// With its signature.
    pub(super) url: Url,
    pub(super) client: Client,
}

impl Web {
    pub(super) async fn small(
        &self,
        path: &str,
        known: Option<&str>,
        limit: usize,
    ) -> Result<Answer<Small>, SourceError> {
        let url = self.under(Some(path))?;
        let mut headers = HeaderMap::new();
        condition(&mut headers, IF_NONE_MATCH, known);
        let (place, answer) = self.ask(&url, headers).await?;
        match answer.status {
            StatusCode::NOT_MODIFIED if known.is_some() => Ok(Answer::Same),
            StatusCode::OK => {
                let etag = text(&answer.headers, ETAG);
                let bytes = answer.small(limit).await.map_err(|error| match error {
                    HttpError::TooLarge { limit, .. } => {
                        SourceError::TooLarge { place: place.clone(), limit }
                    }
                    error => SourceError::Http { place: place.clone(), error },
                })?;
                Ok(Answer::New((bytes, etag)))
            }
            _ => Err(refused(&url, place, answer).await),
        }
    }

    pub(super) async fn look(
        &self,
        known: Option<&str>,
    ) -> Result<Answer<SourceFile>, SourceError> {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_static("bytes=0-0"));
        condition(&mut headers, IF_NONE_MATCH, known);
        let (place, answer) = self.ask(&self.url, headers).await?;
        let size = match answer.status {
            StatusCode::NOT_MODIFIED if known.is_some() => return Ok(Answer::Same),
            StatusCode::PARTIAL_CONTENT => range(&answer.headers).and_then(|(_, size)| size),
            StatusCode::OK => length(&answer.headers),
            _ => return Err(refused(&self.url, place, answer).await),
        };
        let unknown = || SourceError::Refused {
            place,
            said: "without the size of the file".to_owned(),
            transient: false,
        };
        let size = size.ok_or_else(unknown)?;
        Ok(Answer::New(SourceFile { size, etag: text(&answer.headers, ETAG) }))
    }

    pub(super) async fn open(
        &self,
        path: Option<&str>,
        offset: u64,
        etag: Option<&str>,
    ) -> Result<Opened, SourceError> {
        let url = self.under(path)?;
        let mut headers = HeaderMap::new();
        if offset > 0
            && let Ok(value) = HeaderValue::from_str(&format!("bytes={offset}-"))
        {
            headers.insert(RANGE, value);
        }
        condition(&mut headers, IF_MATCH, etag);
        let (place, answer) = self.ask(&url, headers).await?;
        let (offset, size) = match answer.status {
            StatusCode::OK => (0, length(&answer.headers)),
            StatusCode::PARTIAL_CONTENT => match range(&answer.headers) {
                Some((begin, size)) if begin == offset => (offset, size),
                Some(_) | None => {
                    let said = "with another range than it was asked for".to_owned();
                    return Err(SourceError::Refused { place, said, transient: false });
                }
            },
            _ => return Err(refused(&url, place, answer).await),
        };
        let etag = text(&answer.headers, ETAG);
        Ok(Opened { offset, size, etag, body: Body::Web(Box::new(answer), place) })
    }

    async fn ask(
        &self,
        url: &Url,
        mut headers: HeaderMap,
    ) -> Result<(String, Streamed), SourceError> {
        // A compressed answer would have another size, and no ranges.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let request = Request {
            method: Method::GET,
            url: url.clone(),
            headers,
            authorization: None,
            body: Vec::new(),
            repeat: Repeat::Never,
            largest_body: 0,
            deadline: None,
        };
        let place = without_query(url);
        match self.client.open(&request).await {
            Ok(answer) => Ok((place, answer)),
            Err(error) => Err(SourceError::Http { place, error }),
        }
    }

    /// The URL of a file of the container: its path goes before the query.
    fn under(&self, path: Option<&str>) -> Result<Url, SourceError> {
        let Some(path) = path else { return Ok(self.url.clone()) };
        let mut url = self.url.clone();
        let no_folder = || SourceError::Url { problem: "it has no path".to_owned() };
        url.path_segments_mut().map_err(|()| no_folder())?.pop_if_empty().extend(path.split('/'));
        Ok(url)
    }
}

/// Says what a failed answer means.
async fn refused(url: &Url, place: String, answer: Streamed) -> SourceError {
    let status = answer.status;
    let date = text(&answer.headers, DATE);
    let date = date.and_then(|text| jiff::fmt::rfc2822::parse(&text).ok());
    let now = date.map_or_else(Timestamp::now, |date| date.timestamp());
    let code = code(&answer.failure().await);
    let said = code.as_ref().map_or_else(|| status.to_string(), |code| format!("{status}, {code}"));
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            SourceError::Denied { place, said, problem: Validity::of(url).problem(now) }
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => SourceError::Missing { place },
        StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE => {
            SourceError::Moved { place }
        }
        _ => {
            let transient = matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504);
            SourceError::Refused { place, said, transient }
        }
    }
}

/// The code of a store's error document, such as `AuthenticationFailed`. Nothing else is shown of
/// it: the documents of some stores repeat the signature.
fn code(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let (code, _) = text.split_once("<Code>")?.1.split_once("</Code>")?;
    let plain = code.len() <= 60 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| code.to_owned())
}

fn condition(headers: &mut HeaderMap, name: HeaderName, etag: Option<&str>) {
    if let Some(Ok(value)) = etag.map(HeaderValue::from_str) {
        headers.insert(name, value);
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    (value.len() <= 256).then(|| one_line(value))
}

fn length(headers: &HeaderMap) -> Option<u64> {
    text(headers, CONTENT_LENGTH)?.parse().ok()
}

/// Reads `bytes 5-9/10` (RFC 9110, section 14.4): the beginning, and the size of the whole.
fn range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let value = text(headers, CONTENT_RANGE)?;
    let (range, size) = value.strip_prefix("bytes ")?.split_once('/')?;
    let begin = range.split_once('-')?.0.parse().ok()?;
    Some((begin, size.parse().ok()))
}
