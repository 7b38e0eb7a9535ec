//! Damaged gates in many styles: what is mended is better, and every other byte stays.

use proptest::prelude::*;

use super::mend::mend;
use crate::doctor::alone;
use crate::doctor::workflow::Workflow;
use crate::doctor::{Checkup, examine};

const PATH: &str = ".github/workflows/release-gate.yml";
const GATE: &str = include_str!("../../docs/examples/release-gate.yml");

/// Everything else is well; `None` where the text is no workflow.
fn checkup(text: &str) -> Option<Checkup> {
    Some(alone::checkup(PATH, Ok(Workflow::parse(PATH, text.as_bytes()).ok()?)))
}

/// Lines that were forgotten, or say something else; the first text is replaced by the second.
const FAULTS: [(&str, &str); 12] = [
    ("    if: ${{ !cancelled() }}\n", ""),
    ("    if: ${{ !cancelled() }}\n", "    if:   success() # only then\n"),
    ("    if: ${{ !cancelled() }}\n", "    \"if\": '!cancelled()'\n"),
    ("          fetch-depth: 0\n", ""),
    ("          fetch-depth: 0\n", "          fetch-depth: 1 # quick, and { odd: # }\n"),
    ("          persist-credentials: false\n", ""),
    ("          needs: ${{ toJSON(needs) }}\n", ""),
    ("      cancel-in-progress: false\n", "      cancel-in-progress: true\n"),
    ("      issues: write", "      issues: read"),
    ("          token: ${{ github.token }}\n", ""),
    ("permissions: {}\n", ""),
    (
        "        with:\n          fetch-depth: 0\n          persist-credentials: false\n",
        "        with: { fetch-depth: 1, persist-credentials: true } # in braces\n",
    ),
];

/// Counts the lines of `old` that are not in `new` any more, in their order, to the byte.
fn gone(old: &str, new: &str) -> usize {
    let whole = |text: &str| -> Vec<String> {
        let lines = text.split_inclusive('\n').map(str::to_owned);
        let mut lines: Vec<String> = lines.collect();
        // The last line gets an end where something is added behind it.
        let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        if let Some(last) = lines.last_mut().filter(|last| !last.ends_with('\n')) {
            last.push_str(end);
        }
        lines
    };
    let (old, new) = (whole(old), whole(new));
    // The longest common subsequence, by its last row.
    let mut longest = vec![0; new.len() + 1];
    for line in &old {
        let above = longest.clone();
        for (at, own) in new.iter().enumerate() {
            longest[at + 1] =
                if own == line { above[at] + 1 } else { above[at + 1].max(longest[at]) };
        }
    }
    old.len() - longest[new.len()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn what_is_mended_is_better_and_every_other_byte_stays(
        faults in proptest::sample::subsequence(FAULTS.to_vec(), 1..5),
        edits in proptest::collection::vec((0_usize..130, 0_usize..130, 0_u8..6), 0..4),
        (windows, unfinished, shallow) in any::<(bool, bool, bool)>(),
    ) {
        let mut text = GATE.to_owned();
        for (old, new) in faults {
            // The gate's job is the last one.
            if let Some(at) = text.rfind(old) {
                text.replace_range(at..at + old.len(), new);
            }
        }
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if shallow {
            // Lists that stand as deep as their keys.
            let mut within = false;
            for line in &mut lines {
                within = line.starts_with("      ") && (within || line.starts_with("      - "));
                if within {
                    line.replace_range(..2, "");
                }
            }
        }
        for (at, other, kind) in edits {
            let (at, other) = (at % lines.len(), other % lines.len());
            match kind {
                0 => { lines.remove(at); }
                1 => { let line = lines[other].clone(); lines.insert(at, line); }
                2 => lines.swap(at, other),
                3 => lines.insert(at, "# at the margin: ü".to_owned()),
                4 => lines[at].push_str(" # behind, with: { x }"),
                _ => lines[at].push_str("   "),
            }
        }
        let end = if windows { "\r\n" } else { "\n" };
        let mut text = lines.join(end) + end;
        if unfinished {
            text.truncate(text.trim_end().len());
        }
        let Some(seen) = checkup(&text) else { return Ok(()) };
        let before = examine(&seen).findings.len();
        let mended = mend(&seen);
        prop_assert_eq!(mended.files.is_empty(), mended.findings.is_empty());
        for file in &mended.files {
            let after = checkup(&file.new).map(|seen| examine(&seen).findings.len());
            prop_assert!(after.is_some_and(|after| after + mended.findings.len() <= before), "{}", file.new);
            prop_assert!(
                gone(&file.old, &file.new) <= mended.findings.len(),
                "{:#?}\n{}\n---\n{}",
                mended.findings,
                file.old,
                file.new
            );
            let bare = file.new.matches('\n').count() - file.new.matches("\r\n").count();
            prop_assert!(!windows || bare == 0, "mixed line ends: {:?}", file.new);
            prop_assert_eq!(file.new.ends_with('\n'), file.old.ends_with('\n'));
        }
    }
}

/// Each takes its time; raise it to look further.
const CASES: u32 = 48;
