//! What goes wrong between a gate and the servers.

use std::process::Child;
use std::sync::{Arc, Mutex};

use super::Story;
use crate::harness::fault_proxy::{Fault, FaultProxy, Request, Rule};

/// Where the knife falls: the child, once it has started.
pub type Victim = Arc<Mutex<Option<Child>>>;

/// What the example workflow gives its gate, and a person may have taken away.
const PERMISSIONS: [(&str, &str); 4] =
    [("actions", "write"), ("issues", "write"), ("pull_requests", "write"), ("checks", "read")];

fn is_write(request: &Request) -> bool {
    let push = request.method != "POST" || !request.path.ends_with("git-upload-pack");
    request.method != "GET" && push
}

impl Story {
    pub fn no_faults(&self) {
        for proxy in [&self.api, &self.git, &self.hooks] {
            proxy.forget();
        }
        for (name, level) in PERMISSIONS {
            self.github.permit(name, level);
        }
    }

    /// Takes something from the token.
    fn forbid(&mut self) -> String {
        let (name, _) = PERMISSIONS[self.dice.index(PERMISSIONS.len())];
        let level = if self.dice.roll(2) == 0 { "none" } else { "read" };
        self.github.permit(name, level);
        format!("{name}: {level}")
    }

    /// Sets up one fault; says which.
    pub fn fault(&mut self) -> String {
        if self.dice.roll(4) == 0 {
            return self.forbid();
        }
        let proxy = self.dice.roll(5);
        let kind = self.dice.roll(12);
        let skip = usize::try_from(self.dice.roll(3)).unwrap();
        let times = if self.dice.roll(2) == 0 { 1 } else { usize::MAX };
        let (proxy, name): (&FaultProxy, _) = match proxy {
            0..=2 => (&self.api, "api"),
            3 => (&self.hooks, "hooks"),
            _ => (&self.git, "git"),
        };
        let on_git = name == "git";
        let rule = Rule::when(move |request| !on_git || is_write(request)).skip(skip).times(times);
        let json = [("content-type", "application/json")];
        let (rule, what) = match kind {
            0 => (rule.answer(401, &json, "{\"message\":\"Bad credentials\"}"), "401"),
            1 => (
                rule.answer(403, &json, "{\"message\":\"Resource not accessible by integration\"}"),
                "403",
            ),
            2 => (rule.answer(404, &json, "{\"message\":\"Not Found\"}"), "404"),
            3 => (rule.answer(429, &[("retry-after", "1")], "{\"message\":\"slow down\"}"), "429"),
            4 => (rule.answer(500, &[("content-type", "text/html")], "<html>oops</html>"), "500"),
            5 => (rule.answer(502, &[], "<html>bad gateway</html>"), "502"),
            6 => (rule.answer(422, &json, "{\"message\":\"Validation Failed\"}"), "422"),
            7 | 8 => (rule.fault(Fault::DropAnswer), "drop"),
            9 => (rule.fault(Fault::CutBody(7)), "cut"),
            10 if !on_git => (rule.times(1).fault(Fault::Hang), "hang"),
            _ => (rule.fault(Fault::Close), "close"),
        };
        proxy.add(rule);
        format!("{name} {what} after {skip}, {times} times")
    }

    /// Kills the victim at a write.
    pub fn knife(&mut self, victim: &Victim) -> String {
        let step = self.dice.index(7) + 1;
        let before = self.dice.roll(2) == 0;
        let count = Arc::new(Mutex::new(0));
        for proxy in [&self.api, &self.git, &self.hooks] {
            let (victim, count) = (Arc::clone(victim), Arc::clone(&count));
            let is_it = move |request: &Request| {
                if !is_write(request) {
                    return false;
                }
                let mut count = count.lock().unwrap();
                *count += 1;
                *count == step
            };
            let kill = move |_: &Request| {
                let mut child = victim.lock().unwrap();
                let child = child.as_mut().expect("it has started");
                child.kill().expect("kill it");
                child.wait().expect("wait until it is gone");
            };
            let rule = Rule::when(is_it).times(1);
            proxy.add(if before {
                rule.before(kill).fault(Fault::Close)
            } else {
                rule.after(kill).fault(Fault::DropAnswer)
            });
        }
        format!("killed {} write {step}", if before { "before" } else { "after" })
    }
}
