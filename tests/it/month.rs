//! A month of production: the built program, started by a timer whose clock is the test's, with a database on a disk that
//! can be full, an API that is down, wrong or silent, kills, two schedules, and nights in which the clocks change. In the
//! end there are exactly the right rows, the right backups, and one alert for each incident.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod nights;
mod shop;
mod story;
mod world;
