//! An HTTP server that takes webhooks, on a free loopback port.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tiny_http::{Response, Server};

/// One webhook.
#[derive(Debug, Clone)]
pub struct Received {
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// The server; it stops when it is dropped. Put a `FaultProxy` in front of it for faults.
pub struct Receiver {
    server: Arc<Server>,
    received: Arc<Mutex<Vec<Received>>>,
    worker: Option<JoinHandle<()>>,
}

impl Receiver {
    pub fn start() -> Self {
        let server = Arc::new(Server::http("127.0.0.1:0").expect("a free port"));
        let received = Arc::new(Mutex::new(Vec::new()));
        let (own, list) = (Arc::clone(&server), Arc::clone(&received));
        let worker = std::thread::spawn(move || {
            while let Ok(mut request) = own.recv() {
                let mut body = Vec::new();
                request.as_reader().read_to_end(&mut body).expect("the body");
                let headers = request
                    .headers()
                    .iter()
                    .map(|h| (h.field.to_string().to_ascii_lowercase(), h.value.to_string()))
                    .collect();
                let path = request.url().to_owned();
                list.lock().unwrap().push(Received { path, headers, body });
                // Slack answers so; the client may be gone.
                let _ = request.respond(Response::from_string("ok"));
            }
        });
        Self { server, received, worker: Some(worker) }
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> String {
        self.server.server_addr().to_string()
    }

    /// What came so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.unblock();
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}
