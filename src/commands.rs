//! One file for each command: its flow on one screen, and how its result is shown.
