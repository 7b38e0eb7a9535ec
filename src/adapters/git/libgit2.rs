//! Process-wide options of libgit2.

use std::sync::Once;

use super::certificates;

static CONFIGURED: Once = Once::new();

/// How long a git server may be silent, in milliseconds.
const SERVER_TIMEOUT_MS: i32 = 60_000;

/// The same for a person who waits for an answer.
const IMPATIENT_TIMEOUT_MS: i32 = 5_000;

/// Sets the options that libgit2 keeps for the whole process: the partial-clone extension is
/// known, and a server that stops answering ends in an error.
pub(super) fn configure() {
    CONFIGURED.call_once(|| {
        #[expect(
            unsafe_code,
            reason = "libgit2 globals, written once before the first repository is opened; see docs/decisions/0001-unsafe-libgit2-options.md"
        )]
        // The first of these calls starts libgit2.
        let results = certificates::without(|| unsafe {
            [
                git2::opts::set_extensions(&["partialclone"]),
                git2::opts::set_server_connect_timeout_in_milliseconds(SERVER_TIMEOUT_MS),
                git2::opts::set_server_timeout_in_milliseconds(SERVER_TIMEOUT_MS),
            ]
        });
        for error in results.into_iter().filter_map(Result::err) {
            tracing::warn!(%error, "libgit2 refused an option");
        }
    });
}

/// Shortens the time-outs for the rest of the process.
pub(super) fn be_impatient() {
    #[expect(
        unsafe_code,
        reason = "libgit2 globals, written before the first connection of a command on one thread; see docs/decisions/0001-unsafe-libgit2-options.md"
    )]
    let results = unsafe {
        [
            git2::opts::set_server_connect_timeout_in_milliseconds(IMPATIENT_TIMEOUT_MS),
            git2::opts::set_server_timeout_in_milliseconds(IMPATIENT_TIMEOUT_MS),
        ]
    };
    for error in results.into_iter().filter_map(Result::err) {
        tracing::warn!(%error, "libgit2 refused an option");
    }
}
