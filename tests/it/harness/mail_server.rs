//! A mail server (RFC 5321) on a free loopback port, which can refuse and lose.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use base64::Engine as _;

/// What the server does with messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// It takes them.
    Takes,
    /// It refuses every recipient, before the message.
    RefusesRecipients,
    /// It refuses the message after it was sent.
    RefusesMessages,
    /// It takes the message and is gone before it says so.
    DropsAnswers,
    /// It is gone before the message.
    DropsEarly,
}

/// One message that was taken.
#[derive(Debug, Clone)]
pub struct Mail {
    pub from: String,
    pub to: Vec<String>,
    /// With its headers, lines ended by `\n`.
    pub text: String,
}

impl Mail {
    /// The headers as they came, before the first empty line.
    pub fn headers(&self) -> &str {
        self.text.split("\n\n").next().unwrap_or_default()
    }

    /// The value of a header, unfolded.
    pub fn header(&self, name: &str) -> Option<String> {
        let unfolded = self.headers().replace("\n ", " ").replace("\n\t", " ");
        let prefix = format!("{}:", name.to_ascii_lowercase());
        let line = unfolded.lines().find(|l| l.to_ascii_lowercase().starts_with(&prefix))?;
        Some(line[prefix.len()..].trim().to_owned())
    }

    /// The body, decoded.
    pub fn body(&self) -> String {
        let raw = self.text.split_once("\n\n").map_or("", |(_, body)| body);
        match self.header("Content-Transfer-Encoding").as_deref() {
            Some("base64") => {
                let text: String = raw.split_whitespace().collect();
                let bytes = base64::engine::general_purpose::STANDARD.decode(text).expect("base64");
                String::from_utf8(bytes).expect("UTF-8")
            }
            Some("quoted-printable") => unquoted(raw),
            _ => raw.to_owned(),
        }
    }
}

fn unquoted(text: &str) -> String {
    let text = text.replace("=\n", "");
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if *first == b'=' {
            let digits = std::str::from_utf8(&after[..2]).expect("digits");
            bytes.push(u8::from_str_radix(digits, 16).expect("hexadecimal"));
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

struct Shared {
    manner: Mutex<Manner>,
    mails: Mutex<Vec<Mail>>,
    logins: Mutex<Vec<String>>,
    messages: Mutex<usize>,
    stopping: AtomicBool,
}

/// The server; it stops when it is dropped.
pub struct MailServer {
    shared: Arc<Shared>,
    port: u16,
    worker: Option<JoinHandle<()>>,
}

impl MailServer {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            manner: Mutex::new(Manner::Takes),
            mails: Mutex::default(),
            logins: Mutex::default(),
            messages: Mutex::default(),
            stopping: AtomicBool::new(false),
        });
        let own = Arc::clone(&shared);
        let worker = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if own.stopping.load(Ordering::SeqCst) {
                    return;
                }
                // A client that is gone in the middle is none of the server's business.
                let _ = serve(&stream, &own);
                let _ = stream.shutdown(Shutdown::Both);
            }
        });
        Self { shared, port, worker: Some(worker) }
    }

    /// The URL for `smtp_env`.
    pub fn url(&self) -> String {
        format!("smtp://alerts:p%40ss-w0rd-of-mail@127.0.0.1:{}", self.port)
    }

    pub fn be(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap() = manner;
    }

    /// What was taken.
    pub fn mails(&self) -> Vec<Mail> {
        self.shared.mails.lock().unwrap().clone()
    }

    /// How many messages were sent to their end, taken or not.
    pub fn messages(&self) -> usize {
        *self.shared.messages.lock().unwrap()
    }

    /// `user password` of each login.
    pub fn logins(&self) -> Vec<String> {
        self.shared.logins.lock().unwrap().clone()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}

fn serve(stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?);
    let mut out = stream.try_clone()?;
    let mut say = move |text: &str| out.write_all(format!("{text}\r\n").as_bytes());
    let (mut from, mut to) = (String::new(), Vec::new());
    say("220 mail.test ESMTP")?;
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let line = line.trim_end();
        let manner = *shared.manner.lock().unwrap();
        let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        match word.as_str() {
            "EHLO" => say("250-mail.test\r\n250-8BITMIME\r\n250 AUTH PLAIN")?,
            "AUTH" => {
                let text = line.rsplit(' ').next().unwrap_or_default();
                let bytes =
                    base64::engine::general_purpose::STANDARD.decode(text).unwrap_or_default();
                let login = String::from_utf8_lossy(&bytes).trim_matches('\0').replace('\0', " ");
                shared.logins.lock().unwrap().push(login);
                say("235 welcome")?;
            }
            "MAIL" => {
                line.clone_into(&mut from);
                say("250 ok")?;
            }
            "RCPT" if manner == Manner::RefusesRecipients => say("550 no such person")?,
            "RCPT" => {
                to.push(line.to_owned());
                say("250 ok")?;
            }
            "DATA" if manner == Manner::DropsEarly => return Ok(()),
            "DATA" => {
                say("354 go ahead")?;
                let mut text = String::new();
                loop {
                    let mut line = String::new();
                    if lines.read_line(&mut line)? == 0 {
                        return Ok(());
                    }
                    let line = line.trim_end_matches(['\r', '\n']);
                    if line == "." {
                        break;
                    }
                    text.push_str(line.strip_prefix('.').unwrap_or(line));
                    text.push('\n');
                }
                *shared.messages.lock().unwrap() += 1;
                if manner == Manner::RefusesMessages {
                    say("554 not today")?;
                    continue;
                }
                let mail = Mail { from: from.clone(), to: std::mem::take(&mut to), text };
                shared.mails.lock().unwrap().push(mail);
                if manner == Manner::DropsAnswers {
                    return Ok(());
                }
                say("250 taken")?;
            }
            "QUIT" => {
                say("221 bye")?;
                return Ok(());
            }
            _ => say("500 what")?,
        }
    }
}
