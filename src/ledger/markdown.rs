//! What each line of a Markdown document is, as far as the ledger needs to know.
//!
//! The rules are those of `CommonMark` 0.31 (sections 4.1 to 4.6 and 5.1 to 5.2), cut down to one
//! question: can this line be seen as a paragraph of the document itself, and not of a code
//! block, an HTML comment, a quotation or a list?

/// The lines that are taken out of the document's own text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hidden {
    /// Nothing is hidden.
    No,
    /// Inside a fenced code block.
    Fence {
        /// `` ` `` or `~`.
        mark: u8,
        /// The closing fence is at least this long.
        length: usize,
        /// The fence stands in a list item whose content begins at this column; a line that
        /// begins before it ends the item, and with it the fence.
        container: usize,
    },
    /// Inside an HTML block that ends with a line that contains one of these.
    Html(HtmlEnd),
    /// Inside a comment that began in the middle of a paragraph, and so ends with it.
    InlineComment,
}

/// How an HTML block ends (`CommonMark` 4.6, conditions 1 to 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HtmlEnd {
    /// `</pre>`, `</script>`, `</style>`, `</textarea>`.
    VerbatimTag,
    /// `-->`.
    Comment,
    /// `?>`.
    Instruction,
    /// `]]>`.
    CharacterData,
    /// `>`.
    Declaration,
}

impl HtmlEnd {
    pub(super) const ALL: [Self; 5] = [
        Self::VerbatimTag,
        Self::Comment,
        Self::Instruction,
        Self::CharacterData,
        Self::Declaration,
    ];

    fn is_in(self, line: &[u8]) -> bool {
        match self {
            Self::VerbatimTag => {
                let line = line.to_ascii_lowercase();
                VERBATIM_ENDS.iter().any(|end| find(&line, end).is_some())
            }
            Self::Comment => find(line, b"-->").is_some(),
            Self::Instruction => find(line, b"?>").is_some(),
            Self::CharacterData => find(line, b"]]>").is_some(),
            Self::Declaration => line.contains(&b'>'),
        }
    }
}

const VERBATIM_TAGS: [&[u8]; 4] = [b"pre", b"script", b"style", b"textarea"];
const VERBATIM_ENDS: [&[u8]; 4] = [b"</pre>", b"</script>", b"</style>", b"</textarea>"];

/// Lists are told apart up to this depth.
const MAX_DEPTH: usize = 32;

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Nothing but white space.
    Blank,
    /// A thematic break, or the underline of a heading made of `-`.
    Rule,
    /// An ATX heading of this level.
    Heading(u8),
    /// A line of the document's own paragraphs, without its indentation.
    Text(&'a [u8]),
    /// Seen by a reader, but not a paragraph of the document itself: list, quotation, indented
    /// code.
    Other,
    /// A fence or comment and what is inside.
    Hidden,
}

/// Reads lines one after another.
#[derive(Debug, Clone)]
pub(super) struct Markdown {
    hidden: Hidden,
    /// The paragraph of a quotation goes on in the next line, also without `>`.
    lazy_quote: bool,
    /// The columns at which the content of the list items begins that the line above stands in.
    list: Vec<usize>,
}

impl Markdown {
    /// Starts in the state `hidden`.
    pub(super) fn new(hidden: Hidden) -> Self {
        Self { hidden, lazy_quote: false, list: Vec::new() }
    }

    /// Returns what is hidden after the lines so far.
    pub(super) fn hidden(&self) -> Hidden {
        self.hidden
    }

    /// Classifies the next line, given without its line ending.
    pub(super) fn next<'a>(&mut self, line: &'a [u8]) -> Line<'a> {
        let (indent, text) = split_indent(line);
        match self.hidden {
            Hidden::No => self.visible(indent, text),
            Hidden::Fence { mark, length, container } => {
                if !text.is_empty() && indent < container {
                    self.hidden = Hidden::No;
                    return self.visible(indent, text);
                }
                if indent < container + 4 && closes_fence(text, mark, length) {
                    self.hidden = Hidden::No;
                }
                Line::Hidden
            }
            Hidden::Html(end) => {
                if end.is_in(line) {
                    self.hidden = Hidden::No;
                }
                Line::Hidden
            }
            Hidden::InlineComment => {
                if text.is_empty() {
                    self.hidden = Hidden::No;
                    return self.visible(indent, text);
                }
                if let Some(at) = find(line, b"-->") {
                    self.hidden = Hidden::No;
                    self.open_inline_comment(&line[at + 3..]);
                }
                Line::Hidden
            }
        }
    }

    fn visible<'a>(&mut self, indent: usize, text: &'a [u8]) -> Line<'a> {
        if text.is_empty() {
            self.lazy_quote = false;
            return Line::Blank;
        }
        self.list.retain(|column| *column <= indent);
        let container = self.list.last().copied().unwrap_or(0);
        if indent >= container + 4 {
            return Line::Other;
        }
        if let Some((mark, length)) = opens_fence(text) {
            self.lazy_quote = false;
            self.hidden = Hidden::Fence { mark, length, container };
            return Line::Hidden;
        }
        if let Some(end) = opens_html(text) {
            self.lazy_quote = false;
            // A comment may end on the line that opens it, also as `<!-->`; a declaration's own
            // `>` is found the same way.
            if !end.is_in(text) {
                self.hidden = Hidden::Html(end);
            }
            return Line::Hidden;
        }
        if is_rule(text) {
            self.lazy_quote = false;
            return if container == 0 { Line::Rule } else { Line::Other };
        }
        if let Some(level) = heading_level(text) {
            self.lazy_quote = false;
            return if container == 0 { Line::Heading(level) } else { Line::Other };
        }
        if text[0] == b'>' {
            self.lazy_quote = text.iter().any(|byte| !b"> \t".contains(byte));
            return Line::Other;
        }
        if let Some(content) = list_content(text) {
            self.lazy_quote = false;
            if self.list.len() < MAX_DEPTH {
                self.list.push(indent + content);
            }
            let item = &text[content.min(text.len())..];
            if let Some((mark, length)) = opens_fence(item) {
                self.hidden = Hidden::Fence { mark, length, container: indent + content };
            } else {
                self.open_inline_comment(item);
            }
            return Line::Other;
        }
        self.open_inline_comment(text);
        if self.lazy_quote || container > 0 { Line::Other } else { Line::Text(text) }
    }

    fn open_inline_comment(&mut self, text: &[u8]) {
        let mut rest = text;
        while let Some(open) = find(rest, b"<!--") {
            let Some(close) = find(&rest[open + 2..], b"-->") else {
                self.hidden = Hidden::InlineComment;
                return;
            };
            rest = &rest[open + 2 + close + 3..];
        }
    }
}

/// Returns where `part` first stands in `text`.
pub(super) fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// Splits a line into its indentation in columns (tab stops of four) and the rest, without white
/// space at its end.
pub(super) fn split_indent(line: &[u8]) -> (usize, &[u8]) {
    let mut columns = 0;
    let mut start = 0;
    for byte in line {
        match byte {
            b' ' => columns += 1,
            b'\t' => columns += 4 - columns % 4,
            _ => break,
        }
        start += 1;
    }
    let text = &line[start..];
    let end = text.iter().rposition(|byte| !b" \t\r".contains(byte)).map_or(0, |last| last + 1);
    (columns, &text[..end])
}

fn run_length(text: &[u8], mark: u8) -> usize {
    text.iter().take_while(|byte| **byte == mark).count()
}

/// Returns mark and length of the fence that the line opens.
pub(super) fn opens_fence(text: &[u8]) -> Option<(u8, usize)> {
    let mark = *text.first()?;
    if mark != b'`' && mark != b'~' {
        return None;
    }
    let length = run_length(text, mark);
    // `CommonMark` 4.5: the info string of a backtick fence contains no backtick.
    let is_fence = length >= 3 && (mark == b'~' || !text[length..].contains(&b'`'));
    is_fence.then_some((mark, length))
}

fn closes_fence(text: &[u8], mark: u8, length: usize) -> bool {
    let run = run_length(text, mark);
    run >= length && run == text.len()
}

fn opens_html(text: &[u8]) -> Option<HtmlEnd> {
    let rest = text.strip_prefix(b"<")?;
    if rest.starts_with(b"!--") {
        return Some(HtmlEnd::Comment);
    }
    if rest.starts_with(b"?") {
        return Some(HtmlEnd::Instruction);
    }
    if rest.starts_with(b"![CDATA[") {
        return Some(HtmlEnd::CharacterData);
    }
    if rest.len() > 1 && rest[0] == b'!' && rest[1].is_ascii_alphabetic() {
        return Some(HtmlEnd::Declaration);
    }
    let is_verbatim = VERBATIM_TAGS.iter().any(|tag| {
        rest.len() >= tag.len()
            && rest[..tag.len()].eq_ignore_ascii_case(tag)
            && rest.get(tag.len()).is_none_or(|byte| b" \t>".contains(byte))
    });
    is_verbatim.then_some(HtmlEnd::VerbatimTag)
}

fn is_rule(text: &[u8]) -> bool {
    let mark = text[0];
    b"-*_".contains(&mark)
        && text.iter().all(|byte| *byte == mark || b" \t".contains(byte))
        && text.iter().filter(|byte| **byte == mark).nth(2).is_some()
}

fn heading_level(text: &[u8]) -> Option<u8> {
    let level = run_length(text, b'#');
    let is_heading =
        (1..=6).contains(&level) && text.get(level).is_none_or(|byte| b" \t".contains(byte));
    is_heading.then(|| u8::try_from(level).ok()).flatten()
}

/// Returns where the content of a list item begins, counted from its marker.
fn list_content(text: &[u8]) -> Option<usize> {
    let marker = match text[0] {
        b'-' | b'+' | b'*' => 1,
        _ => {
            let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let is_number =
                (1..=9).contains(&digits) && text.get(digits).is_some_and(|b| b".)".contains(b));
            if !is_number {
                return None;
            }
            digits + 1
        }
    };
    match text.get(marker) {
        None => Some(marker + 1),
        Some(b' ' | b'\t') => {
            let spaces = text[marker..].iter().take_while(|byte| b" \t".contains(byte)).count();
            Some(marker + if spaces > 4 { 1 } else { spaces })
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> String {
        let mut markdown = Markdown::new(Hidden::No);
        text.lines()
            .map(|line| match markdown.next(line.as_bytes()) {
                Line::Blank => '.',
                Line::Rule => '-',
                Line::Heading(_) => '#',
                Line::Text(_) => 'T',
                Line::Other => 'o',
                Line::Hidden => 'h',
            })
            .collect()
    }

    #[test]
    fn fences_are_closed_by_the_same_mark_of_at_least_the_same_length() {
        assert_eq!(kinds("```\na\n```\nb"), "hhhT");
        assert_eq!(kinds("````\n```\na\n`````\nb"), "hhhhT");
        assert_eq!(kinds("~~~ python x=`1`\n```\na\n~~~\nb"), "hhhhT");
        assert_eq!(kinds("   ```yaml\na\n   ```  \nb"), "hhhT");
        assert_eq!(kinds("```\n    ```\na\n```\nb"), "hhhhT");
        assert_eq!(kinds("```\n``` not a close\na\n```\nb"), "hhhhT");
        assert_eq!(kinds("``` a`b\nx"), "TT");
        assert_eq!(kinds("    ```\nb"), "oT");
    }

    #[test]
    fn a_fence_in_a_list_item_ends_with_the_item() {
        assert_eq!(kinds("- ```\n  a\n  ```\nb"), "ohhT");
        assert_eq!(kinds("1. x\n\n   ```\n   a\nb\n"), "o.hhT");
        assert_eq!(kinds("- x\n  a\nb"), "ooT");
    }

    #[test]
    fn a_fence_beside_a_list_is_not_in_it() {
        assert_eq!(kinds("- x\n\n ```\na\n```\nb"), "o.hhhT");
        assert_eq!(kinds("- x\n  - y\n\n    ```\n    a\n  b\nc"), "oo.hhoT");
    }

    #[test]
    fn comments_and_verbatim_html_are_hidden() {
        assert_eq!(kinds("<!-- a\n\nb\n--> c\nd"), "h.hhT".replace('.', "h"));
        assert_eq!(kinds("<!-->\na"), "hT");
        assert_eq!(kinds("a <!-- b\nc\n--> d\ne"), "ThhT");
        assert_eq!(kinds("a `<!--` b\n\nc"), "T.T");
        assert_eq!(kinds("a <!-- b --> c\nd"), "TT");
        assert_eq!(kinds("<PRE class=x>\na\n\nb</Pre>\nd"), "hhhhT");
        assert_eq!(kinds("<prefix>\nd"), "TT");
    }

    #[test]
    fn quotations_take_lazy_lines_with_them() {
        assert_eq!(kinds("> a\nb\n\nc"), "oo.T");
        assert_eq!(kinds("> a\n>\nb"), "ooT");
        assert_eq!(kinds("> a\n# b\nc"), "o#T");
    }

    #[test]
    fn other_lines() {
        assert_eq!(kinds("---\n***\n- - -\n--\n- a\n10) b\n**c**: d\n\te\n   f"), "---TooToT");
        assert_eq!(kinds("# a\n#b\n####### c\n###"), "#TT#");
    }
}
