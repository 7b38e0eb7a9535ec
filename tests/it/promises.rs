//! The promises of the design, each with tests that try to break it.

mod bad_input;
mod compare_and_swap;
mod digest_for_digest;
mod gate_evidence;
mod goes_back_together;
mod history_is_never_rewritten;
mod kept_paths;
mod killed_at_every_step;
mod ledger_is_a_hint;
mod never_older_over_newer;
mod no_loop;
mod plan_and_apply;
mod registry_faults;
mod release_set_moves_as_one;
pub mod release_world;
mod secrets;
mod state_branch_damage;
mod two_gates;
