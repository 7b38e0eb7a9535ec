//! Looks for conflict markers in texts.

use globset::{Candidate, GlobSet};

use crate::evidence::markers::{Marker, MarkerEvidence};
use crate::observe::globs::{self, GlobError};

/// How much of a blob git looks at to tell binary files from texts (`buffer_is_binary` in git).
const BINARY_PROBE: usize = 8000;

/// Makes the set of paths that are not looked at from `preflight.ignore`.
pub fn ignored(patterns: &[String]) -> Result<GlobSet, GlobError> {
    globs::set("preflight.ignore", patterns)
}

/// Looks for markers in `files`, pairs of a path from the root of the tree and its content.
/// `good` gives the content of a path in the good tree; it is asked only about texts that hold
/// markers. Paths are bytes, as git has them.
pub fn scan<P: AsRef<[u8]>, C: AsRef<[u8]>>(
    files: impl IntoIterator<Item = (P, C)>,
    ignored: &GlobSet,
    mut good: impl FnMut(&[u8]) -> Option<Vec<u8>>,
) -> MarkerEvidence {
    let mut evidence = MarkerEvidence::default();
    for (path, content) in files {
        let path = path.as_ref();
        if ignored.is_match_candidate(&Candidate::from_bytes(path)) {
            continue;
        }
        let Some(line) = find(content.as_ref()) else { continue };
        let marker = Marker { path: String::from_utf8_lossy(path).into_owned(), line };
        if good(path).is_some_and(|content| find(&content).is_some()) {
            evidence.old.push(marker);
        } else {
            evidence.new.push(marker);
        }
    }
    evidence
}

/// Returns the line, from 1, of the opening marker of the first conflict in `text`: `<<<<<<< `,
/// then `=======`, then `>>>>>>> `, each at the start of a line. A heading that is underlined with
/// equals signs is none, nor is a binary file.
///
/// The section of the common ancestor (`||||||| `) may stand between the first two; it changes
/// nothing.
pub fn find(text: &[u8]) -> Option<usize> {
    if text[..text.len().min(BINARY_PROBE)].contains(&0) {
        return None;
    }
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut opened = None;
    let mut separated = false;
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if line.starts_with(b"<<<<<<< ") {
            if !separated {
                opened = Some(index + 1);
            }
        } else if opened.is_some() && is_separator(line) {
            separated = true;
        } else if separated && line.starts_with(b">>>>>>> ") {
            return opened;
        }
    }
    None
}

/// Exactly seven equals signs; git writes no label after them.
fn is_separator(line: &[u8]) -> bool {
    line.strip_prefix(b"=======").is_some_and(|rest| matches!(rest, b"" | b"\r"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conflict(before: &str) -> Vec<u8> {
        format!("{before}<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> topic\n").into_bytes()
    }

    #[test]
    fn conflicts_are_found_with_their_line() {
        assert_eq!(find(&conflict("")), Some(1));
        assert_eq!(find(&conflict("a\nb\n")), Some(3));
        assert_eq!(find(b"<<<<<<< a\r\n=======\r\n>>>>>>> b\r\n"), Some(1));
        assert_eq!(find(b"\xef\xbb\xbf<<<<<<< a\n=======\n>>>>>>> b"), Some(1));
        assert_eq!(find(b"<<<<<<< a\n||||||| base\n=======\n>>>>>>> b\n"), Some(1));
        assert_eq!(find(b"\xff\xfe text\n<<<<<<< a\n=======\n>>>>>>> b\n"), Some(2));
    }

    #[test]
    fn the_nearest_opening_marker_is_named() {
        assert_eq!(find(b"<<<<<<< quoted\n\n<<<<<<< HEAD\n=======\n>>>>>>> b\n"), Some(3));
        assert_eq!(find(b"<<<<<<< HEAD\n=======\n<<<<<<< inner\n>>>>>>> b\n"), Some(1));
    }

    #[test]
    fn text_that_is_no_conflict() {
        for text in [
            "Heading\n=======\n\ntext\n",
            "=======\n<<<<<<< a\n>>>>>>> b\n",
            ">>>>>>> b\n=======\n<<<<<<< a\n",
            " <<<<<<< a\n =======\n >>>>>>> b\n",
            "<<<<<<<a\n=======\n>>>>>>>b\n",
            "<<<<<<<< a\n========\n>>>>>>>> b\n",
            "<<<<<<< a\n========\n>>>>>>> b\n",
            "<<<<<<< a\nHeading\n======= =\n>>>>>>> b\n",
            "<<<<<<< a\n=======\n",
            "",
        ] {
            assert_eq!(find(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn binary_files_are_skipped() {
        let mut binary = conflict("");
        binary.insert(0, 0);
        assert_eq!(find(&binary), None);
    }

    #[test]
    fn markers_of_the_good_tree_are_old_and_ignored_paths_are_not_read()
    -> Result<(), Box<dyn std::error::Error>> {
        let files = [
            (b"a.py".to_vec(), conflict("")),
            (b"docs/examples/x/b.md".to_vec(), conflict("")),
            (b"old.py".to_vec(), conflict("\n")),
            (b"caf\xe9.py".to_vec(), conflict("")),
            (b"clean.py".to_vec(), b"x = 1\n".to_vec()),
        ];
        let mut asked = Vec::new();
        let evidence = scan(files, &ignored(&["docs/examples/**".to_owned()])?, |path| {
            asked.push(path.to_vec());
            (path == b"old.py").then(|| conflict(""))
        });
        let new: Vec<_> = evidence.new.iter().map(|marker| marker.path.as_str()).collect();
        assert_eq!(new, ["a.py", "caf\u{fffd}.py"]);
        assert_eq!(evidence.old, [Marker { path: "old.py".into(), line: 2 }]);
        assert_eq!(asked, [b"a.py".to_vec(), b"old.py".to_vec(), b"caf\xe9.py".to_vec()]);
        Ok(())
    }
}
