//! E-mail by SMTP (RFC 5321).
//!
//! `smtps://` is TLS from the first byte (port 465); `smtp://` demands STARTTLS (port 587), but on
//! this machine, where a relay needs none. A password is never sent without TLS to another
//! machine.

use std::net::ToSocketAddrs as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use lettre::message::{Mailbox, header};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::{Address, Message};
use sha2::{Digest as _, Sha256};
use url::{Host, Url};

use super::{Channels, Sent};
use crate::config::EmailConfig;
use crate::http::one_line;
use crate::notice::plain;
use crate::state::Notice;

/// How long it may take altogether.
pub(super) const TIMEOUT: Duration = Duration::from_mins(1);

/// How long the server may take for one answer.
const ANSWER: Duration = Duration::from_secs(20);

/// How far a message is, for whoever waits.
const BEFORE: u8 = 0;
const SENDING: u8 = 1;
const GIVEN_UP: u8 = 2;

/// A server.
#[derive(Clone)]
struct Server {
    host: String,
    port: u16,
    security: Security,
    login: Option<Credentials>,
    user: Option<String>,
}

/// What is sent.
pub(super) struct Letter<'a> {
    /// The id of what is told: the same for every try.
    pub(super) id: &'a str,
    /// The repository that it is about.
    pub(super) repository: Option<&'a str>,
    pub(super) subject: String,
    pub(super) text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Security {
    Tls,
    StartTls,
    /// On this machine only.
    None,
}

impl Channels<'_> {
    /// Sends an e-mail.
    pub(super) async fn email(&self, notice: &Notice) -> Sent {
        let repository = self.repository.as_deref();
        let (subject, text) = plain::message(notice, repository);
        self.mail(&Letter { id: &notice.id, repository, subject, text }).await
    }

    /// Sends any text by e-mail.
    pub(super) async fn mail(&self, letter: &Letter<'_>) -> Sent {
        let Some(email) = &self.config.notify.email else {
            return Sent::Failed("the configuration has no e-mail".to_owned());
        };
        let name = &email.smtp_env;
        let server = match (self.variable)(name).map(|value| server(&value)) {
            Some(Ok(server)) => server,
            Some(Err(problem)) => return Sent::Failed(format!("{name}: {problem}")),
            None => return Sent::Failed(format!("{name} is not set")),
        };
        let message = match message(email, &server, letter) {
            Ok(message) => message,
            Err(problem) => return Sent::Failed(problem),
        };
        deliver(server, message).await
    }
}

/// Sends on a thread of its own: the library blocks. Where time runs out before the server was
/// given the message, the thread is kept from going on.
async fn deliver(server: Server, message: Message) -> Sent {
    let stage = Arc::new(AtomicU8::new(BEFORE));
    let (answer, answered) = tokio::sync::oneshot::channel();
    let own = Arc::clone(&stage);
    let started = std::thread::Builder::new().name("smtp".to_owned()).spawn(move || {
        // Nobody listens any more where time has run out.
        let _ = answer.send(send(&server, &message, &own));
    });
    if let Err(error) = started {
        return Sent::Failed(format!("cannot start a thread: {error}"));
    }
    if let Ok(Ok(sent)) = tokio::time::timeout(TIMEOUT, answered).await {
        return sent;
    }
    let swapped = stage.compare_exchange(BEFORE, GIVEN_UP, Ordering::SeqCst, Ordering::SeqCst);
    let problem = format!("no answer of the mail server within {} s", TIMEOUT.as_secs());
    if swapped.is_ok() { Sent::Failed(problem) } else { Sent::Unknown(problem) }
}

fn send(server: &Server, message: &Message, stage: &AtomicU8) -> Sent {
    let failed = |error: &lettre::transport::smtp::Error| Sent::Failed(said(server, error));
    let mut connection = match open(server, message) {
        Ok(connection) => connection,
        Err(error) => return failed(&error),
    };
    let ours = stage.compare_exchange(BEFORE, SENDING, Ordering::SeqCst, Ordering::SeqCst);
    if ours.is_err() {
        return Sent::Failed("time has run out".to_owned());
    }
    match connection.message(&message.formatted()) {
        Ok(_) => {
            let _ = connection.quit();
            Sent::DONE
        }
        // The server has answered, and has not taken it.
        Err(error) if error.is_permanent() || error.is_transient() => failed(&error),
        Err(error) => Sent::Unknown(said(server, &error)),
    }
}

/// Comes as far as the server's "go ahead" (354): up to here nothing was sent.
fn open(
    server: &Server,
    message: &Message,
) -> Result<SmtpConnection, lettre::transport::smtp::Error> {
    let hello = ClientId::default();
    let tls = match server.security {
        Security::None => None,
        Security::Tls | Security::StartTls => Some(TlsParameters::new(server.host.clone())?),
    };
    let at_once = tls.as_ref().filter(|_| server.security == Security::Tls);
    let address = (server.host.trim_matches(['[', ']']), server.port);
    // `localhost` may be two addresses, of which one listens.
    let addresses: Vec<std::net::SocketAddr> =
        address.to_socket_addrs().map(Iterator::collect).unwrap_or_default();
    let mut connection = if addresses.is_empty() {
        SmtpConnection::connect(address, Some(ANSWER), &hello, at_once, None)?
    } else {
        SmtpConnection::connect(&addresses[..], Some(ANSWER), &hello, at_once, None)?
    };
    if let (Some(tls), Security::StartTls) = (&tls, server.security) {
        // Fails where the server does not offer it.
        connection.starttls(tls, &hello)?;
    }
    if let Some(login) = &server.login {
        connection.auth(&[Mechanism::Plain, Mechanism::Login], login)?;
    }
    let envelope = message.envelope();
    let mut options = Vec::new();
    if connection.server_info().supports_feature(Extension::EightBitMime) {
        options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    connection.command(Mail::new(envelope.from().cloned(), options))?;
    for to in envelope.to() {
        connection.command(Rcpt::new(to.clone(), Vec::new()))?;
    }
    connection.command(Data)?;
    Ok(connection)
}

fn said(server: &Server, error: &lettre::transport::smtp::Error) -> String {
    let mut text = error.to_string();
    let mut inner = std::error::Error::source(error);
    while let Some(error) = inner {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        inner = error.source();
    }
    format!("the mail server {}: {}", server.host, one_line(&text))
}

/// What the variable has to hold.
const EXPECTED: &str = "expected smtps://user:password@host:465 or smtp://user:password@host:587";

/// Reads the server from the environment. It is never quoted: it holds a password.
fn server(text: &str) -> Result<Server, &'static str> {
    let url = Url::parse(text.trim()).map_err(|_| EXPECTED)?;
    let host = match url.host() {
        Some(Host::Domain(name)) => name.to_owned(),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => format!("[{address}]"),
        None => return Err(EXPECTED),
    };
    // The scheme is none that the library knows, so hosts are not checked as those of https are.
    let known = host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-[]:".contains(&b));
    if host.is_empty() || !known {
        return Err(EXPECTED);
    }
    let on_this_machine = host == "localhost"
        || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    let (security, port) = match url.scheme() {
        "smtps" => (Security::Tls, 465),
        "smtp" if on_this_machine => (Security::None, 587),
        "smtp" => (Security::StartTls, 587),
        _ => return Err(EXPECTED),
    };
    if url.query().is_some() || url.fragment().is_some() || url.path().len() > 1 {
        return Err("expected nothing after the port: how it is secured, the scheme says");
    }
    let user = (!url.username().is_empty()).then(|| decoded(url.username()));
    let login = match (&user, url.password()) {
        (Some(user), Some(password)) => Some(Credentials::new(user.clone(), decoded(password))),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            return Err("expected a user and a password, or neither");
        }
    };
    Ok(Server { host, port: url.port().unwrap_or(port), security, login, user })
}

/// Undoes percent-encoding: a password may hold `@`.
pub(super) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (first, byte) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            (first, _) => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn message(email: &EmailConfig, server: &Server, letter: &Letter<'_>) -> Result<Message, String> {
    let address =
        |text: &str| text.parse::<Address>().map_err(|error| format!("{text:?}: {error}"));
    let own = server.user.as_ref().and_then(|user| user.parse::<Address>().ok());
    let from = match (&email.from, own) {
        (Some(from), _) => address(from)?,
        (None, Some(own)) => own,
        (None, None) => {
            let is_number =
                server.host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
            let domain = if is_number { "localhost" } else { &server.host };
            address(&format!("tidegate@{domain}"))?
        }
    };
    // The same for every try: mail servers and readers drop what has come already.
    let id = message_id(letter, from.domain());
    let mut builder = Message::builder()
        .from(Mailbox::new(Some("tidegate".to_owned()), from))
        .subject(letter.subject.clone())
        .message_id(Some(id))
        // Readers that answer by themselves leave it alone (RFC 3834).
        .header(AutoSubmitted)
        .header(header::ContentType::TEXT_PLAIN);
    for to in &email.to {
        builder = builder.to(Mailbox::new(None, address(to)?));
    }
    builder
        .body(letter.text.clone())
        .map_err(|error| format!("the message cannot be written: {error}"))
}

fn message_id(letter: &Letter<'_>, domain: &str) -> String {
    let id = letter.id;
    let digest = Sha256::digest(format!("{}\0{id}", letter.repository.unwrap_or_default()));
    let hex = crate::notice::hex(&digest[..8]);
    format!("<tidegate.{id}.{hex}@{domain}>")
}

/// `Auto-Submitted: auto-generated`.
#[derive(Clone)]
struct AutoSubmitted;

impl header::Header for AutoSubmitted {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> header::HeaderValue {
        header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn security(text: &str) -> Result<(Security, u16), &'static str> {
        server(text).map(|server| (server.security, server.port))
    }

    #[test]
    fn a_password_never_leaves_this_machine_without_tls() {
        assert_eq!(security("smtps://u:p@mail.example"), Ok((Security::Tls, 465)));
        assert_eq!(security("smtp://u:p@mail.example"), Ok((Security::StartTls, 587)));
        assert_eq!(security("smtp://u:p@mail.example:25"), Ok((Security::StartTls, 25)));
        for here in ["smtp://127.0.0.1:2525", "smtp://localhost:2525", "smtp://[::1]:2525"] {
            assert_eq!(security(here), Ok((Security::None, 2525)), "{here}");
        }
        assert_eq!(
            security("smtp://localhost.evil.example").map(|found| found.0),
            Ok(Security::StartTls)
        );
        for wrong in
            ["mail.example", "http://mail.example", "smtp://", "smtp://u@h", "smtp://h?tls=none"]
        {
            assert!(server(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn passwords_are_decoded() {
        assert_eq!(decoded("a%40b%2Fc%zz%4"), "a@b/c%zz%4");
    }
}
