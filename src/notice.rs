//! How a notice reads: once as parts, then in the way of each channel.
//!
//! 1. [`Document`] puts together what is told, and keeps apart what tidegate says and what people
//!    wrote: commit subjects, names of authors, tests and jobs, reasons. All of it may come from a
//!    state branch that others can write.
//! 2. Each channel escapes the parts in its own way: [`plain`] for e-mail, [`slack`], [`issue`].
//! 3. [`payload`] is the same for programs.

use crate::model::CommitSha;
use crate::state::{Notice, NoticeEvent};

mod alert;
pub mod issue;
pub mod payload;
pub mod plain;
mod recovery;
pub mod slack;

pub use recovery::recovery;

/// The longest text of others that is told, in characters.
const LONGEST: usize = 500;

/// At most so many items are told of one kind.
const MOST: usize = 20;

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// What tidegate says.
    Own(String),
    /// What others wrote: on one line, shortened, and hostile.
    Said(String),
    /// The name of an author, whom GitHub may know.
    Author {
        /// As git has it: hostile.
        name: String,
        /// The commit, by which GitHub may know a login.
        commit: CommitSha,
    },
    /// A link; the label is of others.
    Link {
        /// What is shown.
        label: String,
        /// An http address without white space, quotes and brackets.
        url: String,
    },
    /// Something to type, or a name in its exact form.
    Code(String),
}

/// One section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its heading.
    pub title: &'static str,
    /// Its lines.
    pub lines: Vec<Vec<Part>>,
    /// Whether the lines are to be typed as they are.
    pub is_code: bool,
}

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The event in one line.
    pub headline: String,
    /// The first paragraph.
    pub lead: Vec<Part>,
    /// The rest.
    pub sections: Vec<Section>,
}

impl Document {
    /// Puts together what a notice tells.
    pub fn of(notice: &Notice) -> Self {
        let lists = [
            list("Why", notice.reasons.iter().map(|reason| vec![said(reason)])),
            list("Failed jobs", notice.failed_jobs.iter().map(|job| vec![job_part(job, notice)])),
            list("First failed tests", notice.failed_tests.iter().map(|test| vec![said(test)])),
            affected(notice),
            links(notice),
            back(notice),
        ];
        Self {
            headline: headline(notice),
            lead: lead(notice),
            sections: lists.into_iter().filter(|section| !section.lines.is_empty()).collect(),
        }
    }
}

fn headline(notice: &Notice) -> String {
    let commit = notice.commit.short();
    let restored = notice.restored.as_ref().map_or("an earlier commit", CommitSha::short);
    match notice.event {
        NoticeEvent::RollbackOfMain if waits(notice) => {
            format!("Rollback of {} waits in a pull request: {commit} to {restored}", notice.branch)
        }
        NoticeEvent::RollbackOfMain => {
            format!("Rolled back {}: {commit} to {restored}", notice.branch)
        }
        NoticeEvent::RollbackOfStable => match notice.restored_release {
            Some(release) => format!("Stable went back to release {release} ({restored})"),
            None => format!("Stable went back to {restored}"),
        },
        NoticeEvent::Hold => format!("Held {commit}: nothing was promoted, nothing was reverted"),
        NoticeEvent::Promotion => format!("Promoted {commit}: release {}", notice.release),
        NoticeEvent::Data => {
            format!("Released data: release {}, with the code of {commit}", notice.release)
        }
        NoticeEvent::Unknown => format!("Notice {}", notice.id),
    }
}

/// Tells whether a rollback of main is there only as a pull request.
fn waits(notice: &Notice) -> bool {
    notice.rollback_commit.is_none() && notice.pull_request.is_some()
}

fn lead(notice: &Notice) -> Vec<Part> {
    let own = |text: &str| Part::Own(text.to_owned());
    let branch = Part::Code(notice.branch.to_string());
    let mut parts = Vec::new();
    match (notice.event, &notice.restored) {
        (NoticeEvent::RollbackOfMain, Some(restored)) => {
            if waits(notice) {
                parts.extend([
                    branch,
                    own(" is protected: it shows what failed until a person merges the pull \
                         request, and then the tree of "),
                ]);
            } else {
                parts.extend([branch, own(" shows the tree of ")]);
            }
            parts.extend([Part::Code(restored.short().to_owned()), own(" again. ")]);
            parts.push(own(if notice.release == 0 {
                "What users get did not change."
            } else {
                "What users get did not change: release "
            }));
            if notice.release > 0 {
                parts.push(Part::Own(format!("{}.", notice.release)));
            }
        }
        (NoticeEvent::RollbackOfStable, Some(restored)) => {
            parts.extend([own("Users get "), Part::Code(restored.short().to_owned())]);
            parts.push(Part::Own(format!(" again, as release {}. ", notice.release)));
            if notice.with_main {
                parts.extend([branch, own(" goes back to its tree, too.")]);
            } else {
                let next = if notice.by_hand {
                    " did not change; promotions are on hold."
                } else {
                    " did not change; a commit that mends it can be promoted."
                };
                parts.extend([branch, own(next)]);
            }
        }
        (NoticeEvent::Hold, _) => {
            parts.extend([own("The commit: "), said(&notice.subject), own(".")]);
        }
        (NoticeEvent::Promotion, _) => {
            parts.extend([own("Users get "), said(&notice.subject), own(" now.")]);
        }
        (NoticeEvent::Data, _) => parts.push(own("Users get other data. The code did not change.")),
        (NoticeEvent::RollbackOfMain | NoticeEvent::RollbackOfStable, None)
        | (NoticeEvent::Unknown, _) => {}
    }
    if let Some(by) = notice.by.as_ref().filter(|_| notice.by_hand) {
        parts.extend([own(" By hand: "), said(by), own(".")]);
    }
    parts
}

fn list(title: &'static str, lines: impl Iterator<Item = Vec<Part>>) -> Section {
    Section { title, lines: lines.take(MOST).collect(), is_code: false }
}

fn job_part(job: &crate::state::notice::FailedJob, notice: &Notice) -> Part {
    let url = job.url.as_deref().or(notice.run_url.as_deref()).filter(|url| http_url(url));
    match url {
        Some(url) => Part::Link { label: one_line(&job.name), url: url.to_owned() },
        None => said(&job.name),
    }
}

fn affected(notice: &Notice) -> Section {
    let mut section = list(
        "Affected commits",
        notice.affected.iter().map(|own| {
            vec![
                Part::Code(own.commit.short().to_owned()),
                Part::Own(" ".to_owned()),
                said(&own.subject),
                Part::Own(" (".to_owned()),
                Part::Author { name: one_line(&own.author), commit: own.commit.clone() },
                Part::Own(")".to_owned()),
            ]
        }),
    );
    let more = notice.affected_count.saturating_sub(section.lines.len());
    if more > 0 && !section.lines.is_empty() {
        section.lines.push(vec![Part::Own(format!("and {more} more"))]);
    }
    section
}

fn links(notice: &Notice) -> Section {
    let pairs = [("Pull request", &notice.pull_request), ("Workflow run", &notice.run_url)];
    let lines = pairs.into_iter().filter_map(|(label, url)| {
        let url = url.as_ref().filter(|url| http_url(url))?;
        Some(vec![Part::Link { label: label.to_owned(), url: url.clone() }])
    });
    list("Where to look", lines)
}

fn back(notice: &Notice) -> Section {
    let main = match notice.event {
        NoticeEvent::RollbackOfMain => true,
        NoticeEvent::RollbackOfStable => notice.with_main,
        NoticeEvent::Hold | NoticeEvent::Promotion | NoticeEvent::Data | NoticeEvent::Unknown => {
            false
        }
    };
    let lines = if main { recovery(notice.commit.as_str(), &notice.branch) } else { Vec::new() };
    let lines = lines.into_iter().map(|line| vec![Part::Own(line)]).collect();
    let title = if waits(notice) {
        "To get the work back, after the merge"
    } else {
        "To get the work back"
    };
    Section { title, lines, is_code: true }
}

fn said(text: &str) -> Part {
    Part::Said(one_line(text))
}

/// Returns the beginning of a text on one line, without characters that nobody sees.
fn one_line(text: &str) -> String {
    let visible = |c: char| match c {
        c if c.is_control() || c == '\u{2028}' || c == '\u{2029}' => ' ',
        '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => '\u{fffd}',
        c => c,
    };
    let mut line: String = text.chars().take(LONGEST).map(visible).collect();
    if text.chars().nth(LONGEST).is_some() {
        line.push('…');
    }
    line
}

/// Tells whether a text can stand where each channel puts an address: nothing in it ends a link.
fn http_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?#@!$&'+,;=%".contains(&b);
    text.len() <= 500 && rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(plain))
}

/// Writes bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
        text.extend([digit(byte >> 4), digit(byte & 15)]);
        text
    })
}
