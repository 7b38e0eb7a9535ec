//! `pull --layer`: brings a layer's files to a machine that holds no data.

use crate::cli::{self, Global};
use crate::exit::{Exit, Failed};
use crate::output::Output;

pub(super) fn run(_: &Global, _: &cli::Pull, _: &str, _: &mut Output) -> anyhow::Result<Exit> {
    Err(Failed::new(Exit::Internal, "the files of a layer cannot be fetched yet").into())
}
