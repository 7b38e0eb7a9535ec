//! A session: runs of the script are asked for, and what they send is read until they end.

use std::collections::HashMap;

use futures_util::{SinkExt as _, StreamExt as _};
use prost::Message as _;
use prost::bytes::Bytes;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::connect::Socket;
use super::messages::{
    AppPage, BackMsg, ClientState, Delta, Exception, ForwardMsg, Metadata, NewSession, finished,
};
use super::screen::Screen;
use super::{MAX_MESSAGE, MAX_MESSAGES, MAX_PAGES, MAX_TOTAL};
use crate::http::one_line;

/// The most bytes of all parts of a message that are not a change of the page: lists of small
/// messages take a multiple of their bytes in memory.
const MAX_ADMINISTRATION: usize = 1024 * 1024;
/// The most bytes of messages that are kept because a later one may refer to them.
const MAX_REMEMBERED: usize = 32 * 1024 * 1024;
/// The most fragments of one page that are run once more.
const MAX_FRAGMENTS: usize = 20;

/// Why a run did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// The time is over; whether anything came at all.
    TimedOut {
        /// How many messages came since the session began.
        messages: u64,
        /// How many of them were understood.
        known: u64,
    },
    /// The server ended the session.
    Closed(String),
    /// More came than any page needs.
    TooMuch(String),
    /// What came is not Streamlit's protocol as it is known.
    Garbage(String),
}

/// What one run of the script sent.
#[derive(Debug, Default)]
pub struct Run {
    /// What the page shows.
    pub screen: Screen,
    /// The page that ran.
    pub page_hash: String,
    /// Why the script did not compile.
    pub compile_error: Option<Exception>,
    /// The type of the exception that ended the run, empty where none did; none where the app keeps
    /// no usage statistics, or the run did not end.
    pub uncaught: Option<String>,
    /// The app has no such page.
    pub not_found: bool,
    /// The page sends people to a login.
    pub login: bool,
    /// Fragments that the page asks to be run at times (`run_every`).
    pub fragments: Vec<String>,
}

/// An open session.
pub struct Session {
    socket: Socket,
    deadline: Instant,
    messages: u64,
    known: u64,
    bytes: usize,
    remembered: HashMap<String, Bytes>,
    remembered_bytes: usize,
    /// The pages of the app, as it named them last.
    pub pages: Vec<AppPage>,
    /// The path of the main script.
    pub main_script: String,
    /// The version of Streamlit.
    pub version: String,
}

impl Session {
    /// Begins a session over an open WebSocket; everything in it ends at `deadline`.
    pub fn new(socket: Socket, deadline: Instant) -> Self {
        Self {
            socket,
            deadline,
            messages: 0,
            known: 0,
            bytes: 0,
            remembered: HashMap::new(),
            remembered_bytes: 0,
            pages: Vec::new(),
            main_script: String::new(),
            version: String::new(),
        }
    }

    /// Runs the script and reads into `run` until it has ended. What a run before showed is
    /// forgotten where the whole script runs, and kept where only a fragment does.
    pub async fn run(&mut self, asked: ClientState, run: &mut Run) -> Result<(), Broken> {
        let request = BackMsg { rerun_script: Some(asked) }.encode_to_vec();
        let sent = timeout_at(self.deadline, self.socket.send(Message::binary(request))).await;
        match sent {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(Broken::Closed(one_line(&error.to_string()))),
            Err(_) => return Err(self.timed_out()),
        }
        let mut begun = false;
        loop {
            let mut message = self.next().await?;
            if let Some(hash) = message.ref_hash.take() {
                message = self.resolve(&hash, message.metadata);
            }
            if let Some(new) = message.new_session {
                begin(run, &new, message.metadata.as_ref());
                self.note(new);
                begun = true;
                continue;
            }
            // What is left of the run before this one.
            if !begun {
                continue;
            }
            if let Some(status) = message.script_finished {
                match status {
                    finished::EARLY_FOR_RERUN => begun = false,
                    // The error follows.
                    finished::COMPILE_ERROR => {
                        run.compile_error.get_or_insert_default();
                    }
                    _ => return Ok(()),
                }
            } else if let Some(event) = message.session_event {
                if let Some(exception) = event.script_compilation_exception {
                    run.compile_error = Some(exception);
                    return Ok(());
                }
            } else {
                self.follow(message, run)?;
            }
        }
    }

    fn follow(&mut self, message: ForwardMsg, run: &mut Run) -> Result<(), Broken> {
        if let Some(delta) = message.delta {
            let metadata = message.metadata.unwrap_or_default();
            return apply(run, &metadata, &delta);
        }
        if let Some(profile) = message.page_profile {
            run.uncaught = Some(profile.uncaught_exception);
        } else if let Some(navigation) = message.navigation {
            run.page_hash = navigation.page_script_hash;
            self.set_pages(navigation.app_pages);
        } else if let Some(changed) = message.pages_changed {
            self.set_pages(changed.app_pages);
        } else if let Some(auto) = message.auto_rerun {
            if run.fragments.len() < MAX_FRAGMENTS && !run.fragments.contains(&auto.fragment_id) {
                run.fragments.push(auto.fragment_id);
            }
        } else if message.page_not_found.is_some() {
            run.not_found = true;
        } else if message.auth_redirect.is_some() {
            run.login = true;
        }
        Ok(())
    }

    fn note(&mut self, new: NewSession) {
        if let Some(environment) = new.initialize.and_then(|all| all.environment_info) {
            self.version = one_line(&environment.streamlit_version);
        }
        self.main_script = new.main_script_path;
        self.set_pages(new.app_pages);
    }

    fn set_pages(&mut self, mut pages: Vec<AppPage>) {
        // Links to elsewhere are no pages of the app.
        pages.retain(|page| page.external_url.is_none());
        pages.truncate(MAX_PAGES + 1);
        if !pages.is_empty() {
            self.pages = pages;
        }
    }

    /// Reads the next message of the protocol.
    async fn next(&mut self) -> Result<ForwardMsg, Broken> {
        loop {
            let received = timeout_at(self.deadline, self.socket.next()).await;
            let received = match received {
                Err(_) => return Err(self.timed_out()),
                Ok(None) => return Err(Broken::Closed("without a reason".to_owned())),
                Ok(Some(Err(error))) => return Err(broken(&error)),
                Ok(Some(Ok(received))) => received,
            };
            let bytes = match received {
                Message::Binary(bytes) => bytes,
                Message::Text(text) => {
                    let begin = one_line(text.as_str().get(..40).unwrap_or(text.as_str()));
                    return Err(Broken::Garbage(format!("text: {begin}")));
                }
                Message::Close(frame) => {
                    let why = frame.map_or_else(
                        || "without a reason".to_owned(),
                        |frame| one_line(&format!("{} {}", u16::from(frame.code), frame.reason)),
                    );
                    return Err(Broken::Closed(why));
                }
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {
                    self.count(1)?;
                    continue;
                }
            };
            self.count(bytes.len())?;
            return self.decode(bytes);
        }
    }

    fn decode(&mut self, bytes: Bytes) -> Result<ForwardMsg, Broken> {
        if administration(&bytes) > MAX_ADMINISTRATION {
            return Err(Broken::TooMuch(format!(
                "a message with {} bytes beside the page's own",
                bytes.len()
            )));
        }
        let message = ForwardMsg::decode(bytes.clone()).map_err(|error| {
            Broken::Garbage(format!("{} bytes: {}", bytes.len(), one_line(&error.to_string())))
        })?;
        if message.is_known() {
            self.known += 1;
        }
        let cacheable = message.metadata.as_ref().is_some_and(|metadata| metadata.cacheable);
        if cacheable && !message.hash.is_empty() {
            self.remember(message.hash.clone(), bytes);
        }
        Ok(message)
    }

    fn count(&mut self, bytes: usize) -> Result<(), Broken> {
        self.messages += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.messages > MAX_MESSAGES {
            return Err(Broken::TooMuch(format!("more than {MAX_MESSAGES} messages")));
        }
        if self.bytes > MAX_TOTAL {
            return Err(Broken::TooMuch(format!("more than {} MiB", MAX_TOTAL >> 20)));
        }
        Ok(())
    }

    fn remember(&mut self, hash: String, bytes: Bytes) {
        let room = MAX_REMEMBERED.saturating_sub(self.remembered_bytes);
        if bytes.len() <= room && !self.remembered.contains_key(&hash) {
            self.remembered_bytes += bytes.len();
            self.remembered.insert(hash, bytes);
        }
    }

    /// Finds the message that `hash` refers to. The server only refers to what it sent in the same
    /// session before (`ForwardMsgCache.has_message_reference` until 1.4x; since then, only where the
    /// browser says that it still has it), so it never has to be fetched from elsewhere; one that
    /// was too large to be kept counts as an element whose text nobody knows.
    fn resolve(&self, hash: &str, metadata: Option<Metadata>) -> ForwardMsg {
        let kept = self.remembered.get(hash);
        let mut message = kept
            .and_then(|bytes| ForwardMsg::decode(bytes.clone()).ok())
            .unwrap_or_else(|| ForwardMsg { delta: Some(Delta::unknown()), ..Default::default() });
        // It may stand at another place now.
        if metadata.is_some() {
            message.metadata = metadata;
        }
        message.ref_hash = None;
        message
    }

    fn timed_out(&self) -> Broken {
        Broken::TimedOut { messages: self.messages, known: self.known }
    }

    /// Ends the session; it does not matter whether the server hears it.
    pub async fn close(mut self) {
        let soon = Instant::now() + std::time::Duration::from_millis(100);
        if let Err(error) = timeout_at(soon, self.socket.close(None)).await {
            tracing::debug!(%error, "the session was left open");
        }
    }
}

/// Begins a run: the whole script forgets what was shown, a fragment does not.
fn begin(run: &mut Run, new: &NewSession, metadata: Option<&Metadata>) {
    let fragments = metadata.and_then(|metadata| metadata.run.as_ref());
    let of_fragment = !new.fragment_ids_this_run.is_empty()
        || fragments.is_some_and(|run| !run.fragment_ids.is_empty());
    if !of_fragment {
        *run = Run::default();
    }
    run.uncaught = None;
    run.page_hash.clone_from(&new.page_script_hash);
}

fn apply(run: &mut Run, metadata: &Metadata, delta: &Delta) -> Result<(), Broken> {
    run.screen.apply(metadata, delta).map_err(|_| {
        Broken::TooMuch("a page with more elements or text than a browser shows".to_owned())
    })
}

fn broken(error: &Error) -> Broken {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => {
            Broken::TooMuch(format!("a message of more than {} MiB", MAX_MESSAGE >> 20))
        }
        // A server that dies says no farewell.
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            Broken::Closed("it broke the connection".to_owned())
        }
        Error::Protocol(_) | Error::Utf8(_) => Broken::Garbage(one_line(&error.to_string())),
        _ => Broken::Closed(one_line(&error.to_string())),
    }
}

/// The bytes of a message that are not its delta.
fn administration(bytes: &[u8]) -> usize {
    let deltas: usize = super::element::Fields::of(bytes)
        .filter(|(number, _)| *number == 5)
        .filter_map(|(_, inner)| inner.map(<[u8]>::len))
        .sum();
    bytes.len().saturating_sub(deltas)
}
