//! Calls the library and turns its errors into exit codes.

fn main() {}
