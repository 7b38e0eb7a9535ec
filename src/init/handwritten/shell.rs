//! Reads the commands of a shell script, as far as it takes to know which programs it runs with
//! which arguments ("Shell Command Language", POSIX.1). Nothing is ever executed.

use std::ops::Range;

/// Deeper than anybody nests `$( )`.
const DEEPEST: usize = 8;

/// One simple command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Command {
    /// The program and its arguments, without quotes; expansions stand as they are written.
    pub words: Vec<String>,
    /// Where its output goes: whether it is appended, and the file.
    pub redirects: Vec<(bool, String)>,
    /// The here-document that it reads.
    pub document: String,
    /// The lines of the script that it stands on, from 0.
    pub lines: Range<usize>,
}

impl Command {
    /// Returns the program's name without its folder, and its arguments.
    pub fn program(&self) -> Option<(&str, &[String])> {
        let mut words = self.words.as_slice();
        while let Some((first, rest)) = words.split_first() {
            let introduces = matches!(
                first.as_str(),
                "if" | "then"
                    | "elif"
                    | "else"
                    | "while"
                    | "until"
                    | "do"
                    | "!"
                    | "{"
                    | "time"
                    | "sudo"
                    | "env"
                    | "exec"
                    | "command"
                    | "-E"
            );
            if !introduces && assignment(first).is_none() {
                return Some((first.rsplit('/').next().unwrap_or(first), rest));
            }
            words = rest;
        }
        None
    }

    /// Lists the variables that it sets, where it does nothing else.
    pub fn assignments(&self) -> impl Iterator<Item = (&str, &str)> {
        let only = self.program().is_none();
        self.words.iter().filter_map(|word| assignment(word)).filter(move |_| only)
    }
}

/// Splits `NAME=value`.
fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let named = name.starts_with(|c: char| !c.is_ascii_digit()) && name.chars().all(fits);
    named.then_some((name, value))
}

/// Lists the commands of a script, those within `$( )` before the one that they stand in.
pub(super) fn commands(script: &str) -> Vec<Command> {
    let mut reader = Reader::new(script, 0, 0);
    reader.read();
    reader.found
}

struct Reader {
    text: Vec<char>,
    at: usize,
    line: usize,
    depth: usize,
    current: Command,
    word: Option<String>,
    /// Set behind `>`, `>>` or `<`: what the next word is.
    redirect: Option<Redirect>,
    /// The here-documents whose text follows the line: their ends, and whose they are.
    documents: Vec<(String, Option<usize>)>,
    found: Vec<Command>,
}

#[derive(Clone, Copy)]
enum Redirect {
    Truncate,
    Append,
    Input,
    Document,
}

impl Reader {
    fn new(text: &str, line: usize, depth: usize) -> Self {
        Self {
            text: text.chars().collect(),
            at: 0,
            line,
            depth,
            current: Command { lines: line..line + 1, ..Command::default() },
            word: None,
            redirect: None,
            documents: Vec::new(),
            found: Vec::new(),
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek(0)?;
        self.at += 1;
        if c == '\n' {
            self.line += 1;
        }
        Some(c)
    }

    fn push(&mut self, c: char) {
        self.word.get_or_insert_default().push(c);
    }

    fn read(&mut self) {
        while let Some(c) = self.peek(0) {
            match c {
                '\n' => {
                    self.end_command();
                    self.next();
                    self.skip_documents();
                    self.current.lines = self.line..self.line + 1;
                }
                ' ' | '\t' | '\r' => {
                    self.end_word();
                    self.next();
                }
                '#' if self.word.is_none() => {
                    while self.peek(0).is_some_and(|c| c != '\n') {
                        self.next();
                    }
                }
                ';' | '&' | '|' | '(' | ')' => self.operator(c),
                '<' | '>' => self.redirection(c),
                '\\' => {
                    self.next();
                    match self.next() {
                        Some('\n') | None => {}
                        Some(c) => self.push(c),
                    }
                }
                '\'' => self.single_quoted(),
                '"' => self.double_quoted(),
                '$' | '`' => self.expansion(),
                _ => {
                    self.next();
                    self.push(c);
                }
            }
        }
        self.end_command();
    }

    fn operator(&mut self, c: char) {
        // `&>file` and `>&2` are redirections.
        if c == '&' && self.peek(1) == Some('>') {
            self.next();
            return;
        }
        self.end_command();
        self.next();
        self.current.lines = self.line..self.line + 1;
    }

    fn redirection(&mut self, c: char) {
        // The number of a file descriptor belongs to it.
        if self.word.as_ref().is_some_and(|word| word.chars().all(|c| c.is_ascii_digit())) {
            self.word = None;
        }
        self.end_word();
        self.next();
        let doubled = self.peek(0) == Some(c);
        if doubled {
            self.next();
        }
        self.redirect = Some(match (c, doubled) {
            ('>', true) => Redirect::Append,
            ('>', false) => Redirect::Truncate,
            // `<<<` gives a word.
            ('<', true) if self.peek(0) != Some('<') => Redirect::Document,
            _ => Redirect::Input,
        });
        while matches!(self.peek(0), Some('<' | '|' | '-' | '&')) {
            self.next();
        }
    }

    fn single_quoted(&mut self) {
        self.next();
        self.word.get_or_insert_default();
        while let Some(c) = self.next().filter(|c| *c != '\'') {
            self.push(c);
        }
    }

    fn double_quoted(&mut self) {
        self.next();
        self.word.get_or_insert_default();
        while let Some(c) = self.peek(0) {
            match c {
                '"' => {
                    self.next();
                    return;
                }
                '\\' => {
                    self.next();
                    if let Some(c) = self.next().filter(|c| *c != '\n') {
                        self.push(c);
                    }
                }
                '$' | '`' => self.expansion(),
                _ => {
                    self.next();
                    self.push(c);
                }
            }
        }
    }

    /// `$(..)` and `` `..` `` hold commands; `${..}` and `${{ .. }}` are kept as they are.
    fn expansion(&mut self) {
        let from = self.at;
        let line = self.line;
        let (open, close) = match (self.next(), self.peek(0)) {
            (Some('`'), _) => (None, '`'),
            (_, Some('(')) => (Some('('), ')'),
            (_, Some('{')) => (Some('{'), '}'),
            _ => {
                self.push('$');
                return;
            }
        };
        let inner = self.at + usize::from(open.is_some());
        let mut depth = usize::from(open.is_none());
        while let Some(c) = self.next() {
            match c {
                '\\' => {
                    self.next();
                }
                c if Some(c) == open => depth += 1,
                c if c == close => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                '\'' if close == ')' => while self.next().is_some_and(|c| c != '\'') {},
                _ => {}
            }
        }
        let raw: String = self.text[from..self.at].iter().collect();
        self.word.get_or_insert_default().push_str(&raw);
        if close != '}' && self.depth < DEEPEST {
            let end = self.at.saturating_sub(1).max(inner);
            let text: String = self.text[inner.min(end)..end].iter().collect();
            let mut within = Self::new(&text, line, self.depth + 1);
            within.read();
            self.found.append(&mut within.found);
        }
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        match self.redirect.take() {
            None => self.current.words.push(word),
            Some(Redirect::Truncate) => self.current.redirects.push((false, word)),
            Some(Redirect::Append) => self.current.redirects.push((true, word)),
            Some(Redirect::Input) => {}
            Some(Redirect::Document) => self.documents.push((word, None)),
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        self.redirect = None;
        let empty = Command { lines: self.line..self.line + 1, ..Command::default() };
        let mut command = std::mem::replace(&mut self.current, empty);
        let index = self.found.len();
        let open = self.documents.iter_mut().filter(|(_, whose)| whose.is_none());
        let mut reads = false;
        for (_, whose) in open {
            *whose = Some(index);
            reads = true;
        }
        if reads || !command.words.is_empty() || !command.redirects.is_empty() {
            command.lines.end = self.line + 1;
            self.found.push(command);
        }
    }

    /// Takes the here-documents that begin with this line.
    fn skip_documents(&mut self) {
        for (end, whose) in std::mem::take(&mut self.documents) {
            let mut document = String::new();
            while self.at < self.text.len() {
                let mut line = String::new();
                while let Some(c) = self.next().filter(|c| *c != '\n') {
                    line.push(c);
                }
                if line.trim() == end {
                    break;
                }
                document.push_str(&line);
                document.push('\n');
            }
            if let Some(command) = whose.and_then(|index| self.found.get_mut(index)) {
                command.document.push_str(&document);
                // The text may end without the end of the document.
                command.lines.end = self.line.max(command.lines.end);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(script: &str) -> Vec<Vec<String>> {
        commands(script).into_iter().map(|command| command.words).collect()
    }

    #[test]
    fn commands_are_told_apart() {
        assert_eq!(
            words("a 'b c' \"d $E\" && f\\ g; h | i # j\nk \\\n  l"),
            [vec!["a", "b c", "d $E"], vec!["f g"], vec!["h"], vec!["i"], vec!["k", "l"]]
        );
        assert_eq!(
            words("x=$(a \"$b\" | c)"),
            [vec!["a", "$b"], vec!["c"], vec!["x=$(a \"$b\" | c)"]]
        );
        assert_eq!(words("a ${{ github.sha }}:b"), [vec!["a", "${{ github.sha }}:b"]]);
        assert_eq!(words(""), Vec::<Vec<String>>::new());
    }

    #[test]
    fn here_documents_belong_to_their_command() {
        let found = commands("one\ncat >> f.md << 'EOF'\n\nrm -rf /\nEOF\ntwo\n");
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(found[1].redirects, [(true, "f.md".to_owned())]);
        assert_eq!(found[1].document, "\nrm -rf /\n");
        assert_eq!(found[1].lines, 1..5);
        assert_eq!(found[2].lines, 5..6);
        let open = commands("cat <<EOF\nnever closed");
        assert_eq!(open[0].document, "never closed\n");
    }

    #[test]
    fn the_program_stands_behind_words_of_the_shell() {
        let found = commands("if ! sudo GIT=1 /usr/bin/git push; then X=1; fi");
        assert_eq!(found[0].program().unwrap().0, "git");
        assert_eq!(found[1].assignments().collect::<Vec<_>>(), [("X", "1")]);
        assert_eq!(commands("{ echo a; } >> f.md")[1].redirects, [(true, "f.md".to_owned())]);
        assert_eq!(commands("a 2>/dev/null >&2")[0].words, ["a"]);
    }

    #[test]
    fn anything_can_be_read() {
        for hostile in ["'", "\"", "$(", "`", "${", "<<", "a <<", ")", "((((", "\\", "a >", "$"] {
            let _ = commands(hostile);
            let _ = commands(&hostile.repeat(300));
        }
    }
}
