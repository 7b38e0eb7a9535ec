//! Markers in commit messages that keep GitHub Actions from running ("Skipping workflow runs").
//!
//! GitHub looks for `[skip ci]` and its four variants anywhere in the message, so that a message
//! which only quotes one is skipped too.

const MARKERS: [&str; 5] =
    ["[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]"];

/// Says whether a commit with this message starts no workflow on `push` and `pull_request`. A
/// trailer `skip-checks: true` counts in the last paragraph, if that is not the subject.
pub fn has_skip_marker(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    if MARKERS.iter().any(|marker| lower.contains(marker)) {
        return true;
    }
    let lines: Vec<&str> = lower.trim().lines().collect();
    match lines.iter().rposition(|line| line.trim().is_empty()) {
        Some(blank) => lines[blank..].iter().any(|line| is_trailer(line)),
        None => false,
    }
}

/// Returns `text` without skip markers, for quoting in a commit message: `[skip ci]` becomes
/// `(skip ci)`, and `skip-checks: true` on a line of its own becomes `skip-checks is true`.
pub fn neutralise_skip_markers(text: &str) -> String {
    let without = without_brackets(text);
    let mut out = String::with_capacity(without.len());
    for line in without.split_inclusive('\n') {
        if is_trailer(&line.to_ascii_lowercase()) {
            out.push_str(&line.replacen(':', " is", 1));
        } else {
            out.push_str(line);
        }
    }
    out
}

fn without_brackets(text: &str) -> String {
    // Lower-casing ASCII keeps every byte where it is.
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut rest = 0;
    while let Some(open) = lower[rest..].find('[').map(|found| rest + found) {
        out.push_str(&text[rest..open]);
        rest = open + 1;
        match MARKERS.iter().find(|marker| lower[open..].starts_with(**marker)) {
            Some(marker) => {
                let close = open + marker.len() - 1;
                out.push('(');
                out.push_str(&text[rest..close]);
                out.push(')');
                rest = close + 1;
            }
            None => out.push('['),
        }
    }
    out.push_str(&text[rest..]);
    out
}

/// Expects `line` in lower case.
fn is_trailer(line: &str) -> bool {
    line.split_once(':')
        .is_some_and(|(key, value)| key.trim() == "skip-checks" && value.trim() == "true")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_marker_is_seen_wherever_it_stands() {
        for marker in MARKERS {
            assert!(has_skip_marker(marker));
            assert!(has_skip_marker(&format!("fix: x\n\nquotes \"{}\"", marker.to_uppercase())));
        }
        for trailer in ["skip-checks: true", "Skip-Checks:true", "skip-checks:  TRUE  "] {
            assert!(has_skip_marker(&format!("subject\n\n\n{trailer}\n")), "{trailer}");
            assert!(has_skip_marker(&format!("subject\r\n\r\nA: b\r\n{trailer}\r\n")), "{trailer}");
        }
    }

    #[test]
    fn what_is_no_marker() {
        for message in [
            "",
            "skip ci",
            "[skip  ci]",
            "[skip\nci]",
            "(skip ci)",
            "[skip-ci]",
            "skip-checks: true",
            "subject\n\nskip-checks: true\n\nmore text",
            "subject\n\nskip-checks: false",
        ] {
            assert!(!has_skip_marker(message), "{message:?}");
        }
    }

    #[test]
    fn quoted_markers_stay_readable() {
        assert_eq!(
            neutralise_skip_markers("ä [Skip CI] and [[no ci]] [x]\nskip-checks: true\n"),
            "ä (Skip CI) and [(no ci)] [x]\nskip-checks is true\n"
        );
        assert_eq!(neutralise_skip_markers("fix [a] bug"), "fix [a] bug");
    }

    proptest! {
        #[test]
        fn nothing_is_left_after_neutralising(
            parts in proptest::collection::vec(
                prop_oneof![
                    Just("[skip ci]".to_owned()),
                    Just("[SKIP ".to_owned()),
                    Just("ci]".to_owned()),
                    Just("[ci skip]".to_owned()),
                    Just("\n\nskip-checks: true\n".to_owned()),
                    Just("skip-checks:".to_owned()),
                    Just("[".to_owned()),
                    "\\PC{0,6}",
                ],
                0..12,
            )
        ) {
            let text = parts.concat();
            let safe = neutralise_skip_markers(&text);
            prop_assert!(!has_skip_marker(&format!("subject\n\n{safe}")), "{:?}", safe);
            prop_assert_eq!(neutralise_skip_markers(&safe), safe.clone());
        }
    }
}
