//! Calls the library, which turns its errors into exit codes.

use std::process::ExitCode;

fn main() -> ExitCode {
    tidegate::commands::main()
}
