//! An app that is served somewhere: it shows a version, and works or fails, as a test tells it to.

use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tiny_http::{Header, Response, Server};

/// How the app answers.
#[derive(Debug, Clone)]
pub struct Answers {
    /// The status of `/`; one after the other, the last one for ever.
    pub statuses: Vec<u16>,
    /// What `/version` shows in the header `X-Commit`, in JSON and in HTML (`/page`).
    pub commit: String,
    /// The body of `/`.
    pub body: String,
    /// How often `/` was asked.
    pub looks: usize,
}

/// The server; it stops when it is dropped.
pub struct AppServer {
    server: Arc<Server>,
    answers: Arc<Mutex<Answers>>,
    worker: Option<JoinHandle<()>>,
}

impl AppServer {
    /// An app that works and shows no version yet.
    pub fn start() -> Self {
        let server = Arc::new(Server::http("127.0.0.1:0").expect("a free port"));
        let answers = Arc::new(Mutex::new(Answers {
            statuses: vec![200],
            commit: String::new(),
            body: "hello".to_owned(),
            looks: 0,
        }));
        let (own, shared) = (Arc::clone(&server), Arc::clone(&answers));
        let worker = std::thread::spawn(move || {
            while let Ok(request) = own.recv() {
                let (status, body) = answer(&shared, request.url());
                let commit = shared.lock().unwrap().commit.clone();
                let header = Header::from_bytes("X-Commit", commit).expect("a header");
                let response =
                    Response::from_string(body).with_status_code(status).with_header(header);
                // The client may be gone.
                let _ = request.respond(response);
            }
        });
        Self { server, answers, worker: Some(worker) }
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.server_addr())
    }

    /// How it answers from now on.
    pub fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap()
    }

    /// Answers `/` with these statuses, one after the other, the last one for ever.
    pub fn shows(&self, statuses: &[u16]) {
        self.answers().statuses = statuses.to_vec();
    }

    /// Shows this version.
    pub fn serves(&self, commit: &str) {
        commit.clone_into(&mut self.answers().commit);
    }

    /// Waits until it was asked so often that it works.
    #[track_caller]
    pub fn wait_for_looks(&self, looks: usize) {
        let begun = Instant::now();
        while self.answers().looks < looks {
            assert!(begun.elapsed() < Duration::from_mins(1), "nobody asks the app");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn answer(answers: &Mutex<Answers>, path: &str) -> (u16, String) {
    let mut answers = answers.lock().unwrap();
    match path {
        "/version" => (200, format!("{{\"build\": {{\"commit\": \"{}\"}}}}", answers.commit)),
        "/page" => (200, format!("<p>Version {} of the app</p>", answers.commit)),
        _ => {
            answers.looks += 1;
            let status = answers.statuses[0];
            if answers.statuses.len() > 1 {
                answers.statuses.remove(0);
            }
            (status, answers.body.clone())
        }
    }
}

impl Drop for AppServer {
    fn drop(&mut self) {
        self.server.unblock();
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}
