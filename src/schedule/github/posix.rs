//! The cron fields that GitHub takes: those of POSIX, with steps and with names of months and days ("Events that
//! trigger workflows", `schedule`). Others make the whole workflow invalid.

/// A field: what it is called, its numbers, and the names of them.
struct Field {
    is: &'static str,
    least: u8,
    most: u8,
    names: &'static [&'static str],
}

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const FIELDS: [Field; 5] = [
    Field { is: "minute", least: 0, most: 59, names: &[] },
    Field { is: "hour", least: 0, most: 23, names: &[] },
    Field { is: "day of the month", least: 1, most: 31, names: &[] },
    Field { is: "month", least: 1, most: 12, names: &MONTHS },
    Field { is: "day of the week", least: 0, most: 6, names: &DAYS },
];

/// Says what GitHub does not take.
pub(super) fn problem(cron: &str) -> Option<String> {
    let fields: Vec<&str> = cron.split_ascii_whitespace().collect();
    if fields.len() != FIELDS.len() {
        return Some("expected five fields".to_owned());
    }
    FIELDS.iter().zip(fields).find_map(|(field, text)| {
        let part = text.split(',').find(|part| !field.takes(part))?;
        let names = match field.names {
            [first, .., last] => format!(" or {first} to {last}"),
            [] | [_] => String::new(),
        };
        let Field { is, least, most, .. } = field;
        let hint = if *is == "day of the week" && has(part, "7") { "; Sunday is 0" } else { "" };
        Some(format!(
            "the {is} is {part:?}; write {least} to {most}{names}, with nothing but `*`, `,`, `-` and `/`{hint}"
        ))
    })
}

/// Whether one of the values of a part is this one.
fn has(part: &str, value: &str) -> bool {
    part.split(['-', '/']).any(|found| found == value)
}

impl Field {
    /// `*`, `1`, `1-5`, each with `/2`.
    fn takes(&self, part: &str) -> bool {
        let (range, step) = part.split_once('/').map_or((part, None), |(r, s)| (r, Some(s)));
        let is_step = |step: &str| number(step).is_some_and(|step| (1..=self.most).contains(&step));
        if !step.is_none_or(is_step) {
            return false;
        }
        match range.split_once('-') {
            None => range == "*" || self.value(range).is_some(),
            Some((first, last)) => match (self.value(first), self.value(last)) {
                (Some(first), Some(last)) => first <= last,
                (_, _) => false,
            },
        }
    }

    fn value(&self, text: &str) -> Option<u8> {
        let name = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let name = name.and_then(|at| Some(u8::try_from(at).ok()? + self.least));
        name.or_else(|| number(text)).filter(|value| (self.least..=self.most).contains(value))
    }
}

/// Digits, and nothing else that Rust takes for a number.
fn number(text: &str) -> Option<u8> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn what_posix_has_is_taken() {
        for cron in [
            "* * * * *",
            "0 2 * * *",
            "*/15 8-18 1,15 JAN-MAR mon-fri",
            "5/20 0 31 12 0",
            "0-30/10 */2 * * SUN,WED,6",
        ] {
            assert_eq!(problem(cron), None, "{cron}");
        }
    }

    #[test]
    fn what_only_other_crons_have_is_named() {
        for (cron, part) in [
            ("0 4 * * 7", "the day of the week is \"7\"; write 0 to 6 or SUN to SAT"),
            ("0 4 * * 5-7", "\"5-7\""),
            ("0 4 * * FRI#2", "\"FRI#2\""),
            ("0 4 * * 5L", "\"5L\""),
            ("0 4 L * *", "the day of the month is \"L\"; write 1 to 31, with nothing but"),
            ("0 4 15W * *", "\"15W\""),
            ("0 4 ? * MON", "\"?\""),
            ("H 4 * * *", "the minute is \"H\""),
            ("0 4 * * FRI-MON", "\"FRI-MON\""),
            ("0 4 * * Sunday", "\"Sunday\""),
            ("0 4 +1 * *", "\"+1\""),
            ("0 4 1, * *", "\"\""),
        ] {
            let said = problem(cron).unwrap_or_default();
            assert!(said.contains(part), "{cron}: {said}");
        }
        assert!(problem("0 4 * * 7").unwrap().ends_with("; Sunday is 0"));
    }
}
