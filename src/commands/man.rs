//! `man`: writes a manual page for every command.

use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::{Cli, Man};
use crate::exit::{Exit, Failed};
use crate::output::Output;

/// Writes `tidegate.1` and one page for each command into the folder, and says where they are.
pub fn run(args: &Man, output: &mut Output) -> anyhow::Result<Exit> {
    let mut tool = Cli::command();
    tool.build();
    let pages = pages(&tool, "tidegate")?;
    for (name, page) in &pages {
        write(&args.dir, name, page).map_err(|error| {
            let place = args.dir.join(name);
            Failed::new(Exit::Usage, format!("writing {} failed: {error}", place.display()))
                .with_hint("name a folder that you may write to")
        })?;
    }
    output.note(format!("{} manual pages are in {}", pages.len(), args.dir.display()))?;
    Ok(Exit::Done)
}

fn write(dir: &Path, name: &str, page: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    std::fs::write(dir.join(name), page)
}

/// Returns the file names and texts of the page of a command and of those of the commands below it.
fn pages(command: &Command, name: &str) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let mut all = vec![(format!("{name}.1"), page(command, name)?)];
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        all.extend(pages(below, &format!("{name}-{}", below.get_name()))?);
    }
    Ok(all)
}

/// Returns the page of one command, in the macros of man(7).
fn page(command: &Command, name: &str) -> std::io::Result<Vec<u8>> {
    let man = clap_mangen::Man::new(command.clone())
        .title(name)
        .source(concat!("tidegate ", env!("CARGO_PKG_VERSION")))
        .manual("tidegate");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.get_subcommands().any(|below| !below.is_hide_set()) {
        man.render_subcommands_section(&mut page)?;
    }
    let mut rest = Roff::default();
    if let Some(notes) = command.get_after_help() {
        // As it stands: these are lines to copy, which must not flow together.
        rest.control("SH", ["NOTES"]).control("nf", []);
        for line in notes.to_string().lines() {
            rest.text([roman(line)]);
        }
        rest.control("fi", []);
    }
    if name == "tidegate" {
        rest.control("SH", ["EXIT STATUS"]);
        for exit in Exit::ALL {
            rest.control("TP", []).text([bold(exit.code().to_string())]);
            rest.text([roman(format!("{}.", exit.meaning().trim_end_matches('.')))]);
        }
    } else {
        rest.control("SH", ["SEE ALSO"]).text([bold("tidegate"), roman("(1)")]);
    }
    rest.to_writer(&mut page)?;
    Ok(page)
}
