//! The promises of the design, each with tests that try to break it.

mod bad_input;
mod compare_and_swap;
mod history_is_never_rewritten;
mod kept_paths;
mod ledger_is_a_hint;
mod no_loop;
mod secrets;
