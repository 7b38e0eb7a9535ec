//! How results are shown: tables, colour, JSON envelopes, progress, questions.
//!
//! Results go to the first writer (stdout), everything else to the second (stderr), so that a
//! result can be piped. A reader that stops listening (`| head`) ends the output and not the
//! command: a promotion is not left half done because nobody looks.

use std::io::{self, BufRead, IsTerminal as _, Write};

use serde::Serialize;

mod error;
mod progress;
mod size;
mod table;
mod text;
mod time;
mod transfer;

pub use error::show_failure;
pub use progress::Progress;
pub use size::size;
pub use table::{Fields, Table};
pub use text::{Styled, bad, clean, clean_lines, dim, good, plain, strong, warn, width};
pub use time::{ago, at};
pub use transfer::Transfer;

use crate::actions::commands::neutralise_commands;
use crate::cli::{ColorWhen, Global};
use crate::exit::{Exit, Failed};

/// What was decided about the output before the first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Settings {
    /// Print results as JSON.
    pub json: bool,
    /// Leave out remarks and progress.
    pub quiet: bool,
    /// Colour the results.
    pub color: bool,
    /// Colour remarks and errors.
    pub color_errors: bool,
    /// Show progress.
    pub progress: bool,
    /// The width in columns that tables may fill; `None` where lines may have any length.
    pub width: Option<usize>,
}

impl Settings {
    /// Plain text of any width, as for a file.
    pub const PLAIN: Self = Self {
        json: false,
        quiet: false,
        color: false,
        color_errors: false,
        progress: false,
        width: None,
    };

    /// Decides from the options, the environment and the terminals of the process.
    ///
    /// `--color` outranks `NO_COLOR` (<https://no-color.org>), which outranks `CLICOLOR_FORCE`
    /// (<https://bixense.com/clicolors>). Both count when they are set and not empty, and the
    /// latter when it is not `0`.
    pub fn of_process(global: &Global) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let environment = Environment {
            no_color: set("NO_COLOR"),
            force: set("CLICOLOR_FORCE")
                && std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
            dumb: std::env::var_os("TERM").is_some_and(|value| value == "dumb"),
        };
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        Self {
            json: global.json,
            quiet: global.quiet,
            color: environment.color(global.color, out) && !global.json,
            color_errors: environment.color(global.color, err),
            progress: err && !environment.dumb && !global.quiet,
            width: out.then(|| usize::from(console::Term::stdout().size().1)),
        }
    }
}

struct Environment {
    no_color: bool,
    force: bool,
    dumb: bool,
}

impl Environment {
    fn color(&self, when: ColorWhen, terminal: bool) -> bool {
        match when {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => !self.no_color && (self.force || (terminal && !self.dumb)),
        }
    }
}

/// Where results, remarks and progress go.
pub struct Output {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    settings: Settings,
    out_closed: bool,
    err_closed: bool,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Output {
    /// Writes results to `out` and everything else to `err`.
    pub fn new(
        out: impl Write + Send + 'static,
        err: impl Write + Send + 'static,
        settings: Settings,
    ) -> Self {
        let (out, err) = (Box::new(out), Box::new(err));
        Self { out, err, settings, out_closed: false, err_closed: false }
    }

    /// Writes to the standard streams of the process.
    pub fn standard(settings: Settings) -> Self {
        // The styles are stripped by this type, by its own rules. What anstream adds is the
        // translation for Windows consoles.
        let (out, err) = (io::stdout(), io::stderr());
        Self::new(anstream::AutoStream::always(out), anstream::AutoStream::always(err), settings)
    }

    /// Returns whether results are printed as JSON.
    pub fn is_json(&self) -> bool {
        self.settings.json
    }

    /// Returns what was decided about the output.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// Prints one line of the result. It may hold styles, and line breaks of its own.
    pub fn line(&mut self, text: impl std::fmt::Display) -> io::Result<()> {
        let text = format!("{text}\n");
        self.result(&text)
    }

    /// Prints text as it is, without a line break after it. It and
    /// [`Output::commands`] are the only ways to print a workflow command: in all other text, commands are
    /// broken up, because others may have written it.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        let text = with_color(text, self.settings.color);
        write_to(&mut *self.out, &mut self.out_closed, &text)
    }

    /// Prints workflow commands, such as masks, which the runner takes from both streams: on stdout, or
    /// with JSON on stderr, where they are in nobody's way. Also with `--quiet`.
    pub fn commands(&mut self, commands: &str) -> io::Result<()> {
        if self.settings.json {
            write_to(&mut *self.err, &mut self.err_closed, commands)
        } else {
            write_to(&mut *self.out, &mut self.out_closed, commands)
        }
    }

    /// Prints a table.
    pub fn table(&mut self, table: &Table) -> io::Result<()> {
        let text = table.render(self.settings.width);
        self.result(&text)
    }

    /// Prints a list of names and values.
    pub fn fields(&mut self, fields: &Fields) -> io::Result<()> {
        let text = fields.render();
        self.result(&text)
    }

    /// Prints a result as JSON: the fields of `value` after `"schema": "tidegate/status/1"`.
    ///
    /// # Errors
    /// Besides those of the writer: `value` is not a struct or a map.
    pub fn json(&mut self, schema: &str, value: &impl Serialize) -> io::Result<()> {
        #[derive(Serialize)]
        struct Envelope<'a, T> {
            schema: &'a str,
            #[serde(flatten)]
            value: &'a T,
        }
        let mut text = serde_json::to_string_pretty(&Envelope { schema, value })?;
        text.push('\n');
        // It stands in strings only. What the runner takes for a command is escaped, and means the
        // same to readers of JSON (RFC 8259, section 7).
        let text = text.replace("##[", "#\\u0023[");
        write_to(&mut *self.out, &mut self.out_closed, &text)
    }

    /// Prints a result: as JSON where that was asked for, else by `human`.
    pub fn show<T: Serialize>(
        &mut self,
        schema: &str,
        value: &T,
        human: impl FnOnce(&mut Self, &T) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.settings.json { self.json(schema, value) } else { human(self, value) }
    }

    /// Prints a remark for people on stderr; nothing with `--quiet`.
    pub fn note(&mut self, text: impl std::fmt::Display) -> io::Result<()> {
        if self.settings.quiet { Ok(()) } else { self.remark(&format!("{text}\n")) }
    }

    /// Prints a warning on stderr, cleaned of control characters.
    pub fn warning(&mut self, text: &str) -> io::Result<()> {
        let text = format!("{} {}\n", warn("warning:"), clean(text));
        self.remark(&text)
    }

    /// Prints an error that does not end the command on stderr, cleaned of control characters.
    pub fn problem(&mut self, text: &str) -> io::Result<()> {
        let text = format!("{} {}\n", bad("error:"), clean(text));
        self.remark(&text)
    }

    /// Prints text on stderr, also with `--quiet`.
    pub(crate) fn remark(&mut self, text: &str) -> io::Result<()> {
        let text = neutralise_commands(&with_color(text, self.settings.color_errors));
        write_to(&mut *self.err, &mut self.err_closed, &text)
    }

    /// Shows that something is going on, if it takes over a second and people are watching.
    /// The spinner goes away when the returned value is dropped.
    pub fn progress(&self, message: impl AsRef<str>) -> Progress {
        Progress::start(self.settings.progress, self.settings.quiet, message.as_ref())
    }

    /// Shows how far a transfer is, if it takes over a second and people are watching. The bar goes
    /// away when the returned value is dropped.
    pub fn transfer(&self, message: impl AsRef<str>) -> Transfer {
        Transfer::start(self.settings.progress, message.as_ref())
    }

    /// Asks a question that is answered with yes or no; anything but a yes is a no.
    ///
    /// # Errors
    /// [`Exit::Usage`] where nobody can answer because stdin is not a terminal.
    pub fn confirm(&mut self, question: &str) -> anyhow::Result<bool> {
        if !io::stdin().is_terminal() {
            let error = "this needs an answer, and standard input is not a terminal";
            return Err(Failed::new(Exit::Usage, error).with_hint("pass --yes to go on").into());
        }
        Ok(self.confirm_from(&mut io::stdin().lock(), question)?)
    }

    /// Asks like [`Output::confirm`], and reads the answer from `answers`.
    pub fn confirm_from(&mut self, answers: &mut dyn BufRead, question: &str) -> io::Result<bool> {
        self.remark(&format!("{} [y/N] ", strong(question)))?;
        let mut answer = String::new();
        // A person types a few letters; a file that was piped in may be endless.
        io::Read::take(answers, 64).read_line(&mut answer)?;
        Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// Asks for a line of text; an empty one is the answer that is proposed.
    ///
    /// # Errors
    /// [`Exit::Usage`] where nobody can answer because stdin is not a terminal.
    pub fn ask(&mut self, question: &str, proposed: &str) -> anyhow::Result<String> {
        if !io::stdin().is_terminal() {
            let error = "this needs an answer, and standard input is not a terminal";
            return Err(Failed::new(Exit::Usage, error).into());
        }
        self.remark(&format!("{} [{}] ", strong(question), clean(proposed)))?;
        let mut answer = String::new();
        // A person types one line; a file that was piped in may be endless.
        io::Read::take(io::stdin().lock(), 4096).read_line(&mut answer)?;
        let answer = answer.trim();
        Ok(if answer.is_empty() { proposed } else { answer }.to_owned())
    }

    fn result(&mut self, text: &str) -> io::Result<()> {
        let text = neutralise_commands(&with_color(text, self.settings.color));
        write_to(&mut *self.out, &mut self.out_closed, &text)
    }
}

fn with_color(text: &str, color: bool) -> String {
    if color { text.to_owned() } else { anstream::adapter::strip_str(text).to_string() }
}

/// Writes and flushes, and goes silent for good when the reader is gone.
fn write_to(writer: &mut dyn Write, closed: &mut bool, text: &str) -> io::Result<()> {
    if *closed {
        return Ok(());
    }
    match writer.write_all(text.as_bytes()).and_then(|()| writer.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            *closed = true;
            Ok(())
        }
        // Whoever reads it cannot know which file it is.
        written => written.map_err(|error| {
            io::Error::new(error.kind(), format!("cannot write the result: {error}"))
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Memory {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn captured(settings: Settings) -> (Output, Memory, Memory) {
        let (out, err) = (Memory::default(), Memory::default());
        (Output::new(out.clone(), err.clone(), settings), out, err)
    }

    #[test]
    fn colour_is_a_property_of_the_output() {
        let (mut output, out, err) = captured(Settings::PLAIN);
        output.line(good("done")).unwrap();
        output.warning("a\x1b[2Jb").unwrap();
        assert_eq!(out.text(), "done\n");
        assert_eq!(err.text(), "warning: a\\u{1b}[2Jb\n");

        let (mut output, out, _) = captured(Settings { color: true, ..Settings::PLAIN });
        output.line(good("done")).unwrap();
        assert_eq!(out.text(), "\u{1b}[32mdone\u{1b}[0m\n");
    }

    #[test]
    fn text_of_others_cannot_command_the_runner() {
        for settings in [Settings::PLAIN, Settings { color: true, ..Settings::PLAIN }] {
            let (mut output, out, err) = captured(settings);
            let hostile = "log:\n  ::set-output name=verdict::promote\n##[add-mask]e";
            output.line(hostile).unwrap();
            output.line(strong("::stop-commands::x")).unwrap();
            output.note(hostile).unwrap();
            output.warning("a ##[error]b").unwrap();
            for text in [out.text(), err.text()] {
                let commands = |line: &&str| line.trim_start().starts_with("::");
                assert!(!text.contains("##["), "{text:?}");
                assert_eq!(text.lines().find(commands), None);
            }
        }
        let (mut output, out, _) = captured(Settings { json: true, ..Settings::PLAIN });
        let value = std::collections::BTreeMap::from([("said", "x ##[error]y")]);
        output.json("tidegate/status/1", &value).unwrap();
        assert!(!out.text().contains("##["), "{}", out.text());
        let read: serde_json::Value = serde_json::from_str(&out.text()).unwrap();
        assert_eq!(read["said"], "x ##[error]y");

        let (mut output, out, _) = captured(Settings::PLAIN);
        output.text("::warning::meant\n").unwrap();
        assert_eq!(out.text(), "::warning::meant\n");
    }

    #[test]
    fn json_names_its_schema_first() {
        let (mut output, out, _) = captured(Settings { json: true, ..Settings::PLAIN });
        let value = std::collections::BTreeMap::from([("commit", "abc")]);
        output.show("tidegate/status/1", &value, |_, _| unreachable!()).unwrap();
        insta::assert_snapshot!(out.text(), @r#"
        {
          "schema": "tidegate/status/1",
          "commit": "abc"
        }
        "#);
    }

    #[test]
    fn quiet_leaves_out_remarks_and_keeps_warnings() {
        let (mut output, _, err) = captured(Settings { quiet: true, ..Settings::PLAIN });
        output.note("by the way").unwrap();
        output.warning("look").unwrap();
        assert_eq!(err.text(), "warning: look\n");
    }

    #[test]
    fn a_reader_that_went_away_stops_nothing() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut output = Output::new(Gone, Gone, Settings::PLAIN);
        output.line("one").unwrap();
        output.line("two").unwrap();
        assert!(output.out_closed && !output.err_closed);
    }

    #[test]
    fn only_yes_is_yes() {
        for (answer, expected) in
            [("y\n", true), (" YES \n", true), ("\n", false), ("", false), ("yess", false)]
        {
            let (mut output, _, err) = captured(Settings::PLAIN);
            assert_eq!(output.confirm_from(&mut answer.as_bytes(), "Go on?").unwrap(), expected);
            assert_eq!(err.text(), "Go on? [y/N] ");
        }
    }

    #[test]
    fn options_outrank_the_environment() {
        let none = Environment { no_color: false, force: false, dumb: false };
        assert!(none.color(ColorWhen::Auto, true) && !none.color(ColorWhen::Auto, false));
        let no = Environment { no_color: true, force: true, dumb: false };
        assert!(!no.color(ColorWhen::Auto, true) && no.color(ColorWhen::Always, false));
        let force = Environment { no_color: false, force: true, dumb: true };
        assert!(force.color(ColorWhen::Auto, false) && !force.color(ColorWhen::Never, true));
    }
}
