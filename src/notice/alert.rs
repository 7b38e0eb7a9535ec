//! How an alert of the schedule reads.

use crate::schedule::{Alert, AlertEvent};

use super::{Document, Part, Section, said};

impl Document {
    /// Puts together what an alert tells.
    pub fn of_alert(alert: &Alert) -> Self {
        let task = &alert.task;
        let headline = match alert.event {
            AlertEvent::Failed => format!("Task {task} failed"),
            AlertEvent::NoData => format!("Task {task} brought no data"),
            AlertEvent::Recovered => format!("Task {task} works again"),
        };
        let own = |text: String| Part::Own(text);
        let due = local(alert.due, &alert.timezone);
        let lead = vec![
            Part::Code(format!("tidegate {}", alert.command)),
            own(format!(" was due at {due} ({}). ", alert.timezone)),
            own(match alert.event {
                AlertEvent::Failed | AlertEvent::NoData => {
                    "It runs again at its next time; you are told when it works.".to_owned()
                }
                AlertEvent::Recovered => {
                    let since = local(alert.opened, &alert.timezone);
                    match alert.failures {
                        1 => format!("One run did not work, at {since}."),
                        failures => format!("{failures} runs did not work, since {since}."),
                    }
                }
            }),
        ];
        let title = match alert.event {
            AlertEvent::Failed | AlertEvent::NoData => "Why",
            AlertEvent::Recovered => "What was wrong",
        };
        let why = Section { title, lines: vec![vec![said(&alert.reason)]], is_code: false };
        Self { headline, lead, sections: vec![why] }
    }
}

fn local(time: jiff::Timestamp, zone: &str) -> String {
    match time.in_tz(zone) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => time.to_string(),
    }
}
