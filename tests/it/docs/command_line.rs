//! The reference of the command line, from the command tree.

use std::fmt::Write as _;

use clap::builder::StyledStr;
use clap::{Arg, Command, CommandFactory as _};
use tidegate::cli::Cli;

use super::{NOTE, cell};

pub fn markdown() -> String {
    let mut tool = Cli::command();
    tool.build();
    let mut text = format!("{NOTE}# Command line\n\n{}\n\n", plain(tool.get_long_about()));
    text += "| command | what it does |\n| --- | --- |\n";
    for (name, command) in leaves(&tool) {
        let link = name.replace(' ', "-");
        let _ = writeln!(text, "| [`{name}`](#{link}) | {} |", cell(&plain(command.get_about())));
    }
    text += "\nAn environment variable that is set to the empty string counts as not set. \
             Secrets are never options.\n\n## Options of every command\n\n";
    text += &options(tool.get_arguments().filter(|arg| arg.is_global_set()));
    for (name, command) in leaves(&tool) {
        let mut command = command.clone();
        let usage = command.render_usage().to_string();
        let _ = writeln!(text, "\n## {name}\n\n{}.\n", plain(command.get_about()));
        let _ = writeln!(text, "```text\n{}\n```", usage.trim_start_matches("Usage: ").trim());
        let own = || command.get_arguments().filter(|arg| !arg.is_global_set() && !is_help(arg));
        if own().next().is_some() {
            let _ = write!(text, "\n{}", options(own()));
        }
        if let Some(examples) = command.get_after_help() {
            let _ = writeln!(text, "\n```text\n{}\n```", examples.to_string().trim_end());
        }
    }
    text
}

/// Returns the commands that do something, with the names of the commands above them.
fn leaves(command: &Command) -> Vec<(String, &Command)> {
    let mut found = Vec::new();
    for child in command.get_subcommands() {
        if child.has_subcommands() {
            let children = leaves(child);
            found.extend(
                children.into_iter().map(|(n, c)| (format!("{} {n}", child.get_name()), c)),
            );
        } else {
            found.push((child.get_name().to_owned(), child));
        }
    }
    found
}

fn is_help(arg: &Arg) -> bool {
    arg.get_id() == "help"
}

fn plain(text: Option<&StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default()
}

fn options<'a>(args: impl Iterator<Item = &'a Arg>) -> String {
    let mut text =
        "| option | meaning | environment | default |\n| --- | --- | --- | --- |\n".to_owned();
    for arg in args {
        let values = arg.get_value_names().map(|names| names.join(" ")).unwrap_or_default();
        let optional = arg.get_num_args().is_some_and(|range| range.min_values() == 0);
        let takes_value = arg.get_action().takes_values();
        let value = match (takes_value, optional) {
            (false, _) => String::new(),
            (true, true) => format!("[<{values}>]"),
            (true, false) => format!("<{values}>"),
        };
        let short = arg.get_short().map(|short| format!("-{short}"));
        let long = arg.get_long().map(|long| format!("--{long}"));
        let flags: Vec<String> = short.into_iter().chain(long).collect();
        let option = format!("{} {value}", flags.join(", "));
        let environment = arg.get_env().map(|name| format!("`{}`", name.to_string_lossy()));
        let default: Vec<String> = arg
            .get_default_values()
            .iter()
            .filter(|_| takes_value)
            .map(|value| format!("`{}`", value.to_string_lossy()))
            .collect();
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} |",
            cell(&option),
            cell(&plain(arg.get_help())),
            environment.unwrap_or_default(),
            default.join(" ")
        );
    }
    text
}
