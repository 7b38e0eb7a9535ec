//! The API of a shop: it gives the sales of each day up to yesterday, and has bad days of its own.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde_json::{Value, json};
use tiny_http::{Header, Response, Server};

/// The first day of sales.
const OPENED: Date = jiff::civil::date(2026, 2, 20);

/// What the API does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// It serves.
    Serves,
    /// It answers 503.
    Down,
    /// The newest day has a row that nobody can have meant.
    Broken,
    /// It has nothing, whatever it is asked for.
    Empty,
    /// It serves, and knows nothing after this day.
    Stuck(Date),
}

struct State {
    today: Date,
    manner: Manner,
    /// Whether answers wait, and how many do.
    held: bool,
    waiting: usize,
    /// All that was ever served as good.
    good: BTreeSet<String>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// The server; it stops when it is dropped.
pub struct Shop {
    server: Arc<Server>,
    shared: Arc<Shared>,
    worker: Option<JoinHandle<()>>,
}

impl Shop {
    pub fn open() -> Self {
        let server = Arc::new(Server::http("127.0.0.1:0").expect("a free port"));
        let state = State {
            today: OPENED,
            manner: Manner::Serves,
            held: false,
            waiting: 0,
            good: BTreeSet::new(),
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let (own, from) = (Arc::clone(&server), Arc::clone(&shared));
        let worker = std::thread::spawn(move || {
            while let Ok(request) = own.recv() {
                let (status, body) = from.answer(request.url());
                let json =
                    Header::from_bytes("Content-Type", "application/json").expect("a header");
                let answer = Response::from_string(body).with_status_code(status).with_header(json);
                // Who asked may have been killed.
                let _ = request.respond(answer);
            }
        });
        Self { server, shared, worker: Some(worker) }
    }

    pub fn url(&self) -> String {
        format!("http://{}/sales", self.server.server_addr())
    }

    pub fn set_today(&self, today: Date) {
        self.shared.state.lock().unwrap().today = today;
    }

    pub fn be(&self, manner: Manner) {
        self.shared.state.lock().unwrap().manner = manner;
    }

    /// Keeps answers back until they are released.
    pub fn hold(&self) {
        self.shared.state.lock().unwrap().held = true;
    }

    /// Waits until somebody waits for an answer.
    pub fn wait_for_request(&self) {
        let limit = std::time::Duration::from_mins(2);
        let state = self.shared.state.lock().unwrap();
        let nobody = |state: &mut State| state.waiting == 0;
        let (_state, waited) =
            self.shared.changed.wait_timeout_while(state, limit, nobody).unwrap();
        assert!(!waited.timed_out(), "nobody asks the API");
    }

    /// Whether somebody waits for an answer.
    pub fn is_asked(&self) -> bool {
        self.shared.state.lock().unwrap().waiting > 0
    }

    pub fn release(&self) {
        self.shared.state.lock().unwrap().held = false;
        self.shared.changed.notify_all();
    }

    /// All rows that were ever served as good, in order.
    pub fn good(&self) -> Vec<String> {
        self.shared.state.lock().unwrap().good.iter().cloned().collect()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.release();
        self.server.unblock();
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}

impl Shared {
    fn answer(&self, path: &str) -> (u16, String) {
        let mut state = self.state.lock().unwrap();
        state.waiting += 1;
        self.changed.notify_all();
        let mut state = self.changed.wait_while(state, |state| state.held).unwrap();
        state.waiting -= 1;
        let yesterday = state.today.yesterday().unwrap();
        let first = day_of(path, "start_date=").unwrap_or(OPENED).max(OPENED);
        let mut last = day_of(path, "end_date=").unwrap_or(yesterday).min(yesterday);
        match state.manner {
            Manner::Down => return (503, "{\"message\": \"back soon\"}".to_owned()),
            Manner::Empty => return (200, "[]".to_owned()),
            Manner::Stuck(day) => last = last.min(day),
            Manner::Serves | Manner::Broken => {}
        }
        let days = first.series(1.day()).take_while(|day| *day <= last);
        let mut rows: Vec<Value> = days.flat_map(sales_of).collect();
        if state.manner == Manner::Broken
            && let Some(row) = rows.last_mut()
        {
            row["quantity"] = json!(-1);
        } else {
            state.good.extend(rows.iter().map(line));
        }
        (200, Value::Array(rows).to_string())
    }
}

fn day_of(path: &str, name: &str) -> Option<Date> {
    let (_, after) = path.split_once(name)?;
    Some(after.split('&').next()?.parse().expect("a day"))
}

/// The sales of a day: always the same.
fn sales_of(day: Date) -> impl Iterator<Item = Value> {
    let number = i64::from(day.day_of_year());
    (1..=3).map(move |sale| {
        let (quantity, cents) = (sale + number % 4, 250 + 5 * number);
        json!({
            "date": day.to_string(), "user_id": number * 10 + sale, "product_name": format!("Tea {sale}"),
            "quantity": quantity, "unit_price": amount(cents), "total_amount": amount(cents * quantity),
            "region": "north",
        })
    })
}

fn amount(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// A row as the tests compare it, with its amounts in cents.
fn line(row: &Value) -> String {
    let cents = |key: &str| row[key].as_str().unwrap().replace('.', "").parse::<i64>().unwrap();
    let text = |key: &str| row[key].as_str().unwrap().to_owned();
    [
        text("date"),
        row["user_id"].to_string(),
        text("product_name"),
        row["quantity"].to_string(),
        cents("unit_price").to_string(),
        cents("total_amount").to_string(),
        text("region"),
    ]
    .join("|")
}

/// The query that gives rows of the database as [`Shop::good`] has them.
pub const LINES: &str = "SELECT CAST(date AS VARCHAR) || '|' || user_id || '|' || product_name || '|' || quantity \
    || '|' || CAST(round(unit_price * 100) AS INTEGER) || '|' || CAST(round(total_amount * 100) AS INTEGER) \
    || '|' || region AS line FROM sales";
