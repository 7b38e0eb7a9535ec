//! Code, image and data of a release go forward and back together: the built program, a git server, a
//! registry, and a store. `whole_flow` plays all of it in one go, from the first file to `data prune`.

mod by_hand;
mod flow;
mod guarded;
mod killed;
mod lake;
mod refused;
mod together;
mod whole_flow;
