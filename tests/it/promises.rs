//! The promises of the design: each has a test that tries to break it.

mod digest_for_digest;
mod gate_evidence;
mod goes_back_together;
mod killed_at_every_step;
mod never_older_over_newer;
mod plan_and_apply;
mod registry_faults;
mod release_set_moves_as_one;
mod release_world;
