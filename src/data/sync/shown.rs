//! A plan, for people.

use std::fmt;

use super::SyncPlan;

/// The most paths that are shown of each kind.
const SHOWN: usize = 20;

impl fmt::Display for SyncPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} -> {}: {} to send ({}), {} there already",
            self.layer,
            self.place,
            files(self.upload.len() as u64),
            bytes(self.upload_bytes),
            self.skipped
        )?;
        for upload in self.upload.iter().take(SHOWN) {
            let reason = upload.reason.as_str();
            writeln!(f, "  send    {} ({}, {reason})", upload.path, bytes(upload.size))?;
        }
        more(f, self.upload.len())?;
        for gone in self.delete.iter().take(SHOWN) {
            writeln!(f, "  delete  {} ({})", gone.blob_path, bytes(gone.size))?;
        }
        more(f, self.delete.len())?;
        for problem in self.problems.iter().take(SHOWN) {
            writeln!(f, "  cannot  {}: {}", problem.path, problem.error)?;
        }
        more(f, self.problems.len())?;
        if self.kept > 0 {
            let kept = files(self.kept);
            writeln!(
                f,
                "  {kept} of the store are not here and stay; --delete deletes those that were sent from here"
            )?;
        }
        if !self.left_out.is_empty() {
            let count = self.left_out.len();
            writeln!(f, "  {count} links and other things that are no files are left out")?;
        }
        Ok(())
    }
}

fn more(f: &mut fmt::Formatter<'_>, count: usize) -> fmt::Result {
    if count > SHOWN { writeln!(f, "  ... and {} more", count - SHOWN) } else { Ok(()) }
}

/// Writes a number of files for people.
pub fn files(count: u64) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

/// Writes a size for people: `1.4 MB`, in powers of 1000.
#[expect(clippy::cast_precision_loss, reason = "shown with one digit after the point")]
pub fn bytes(size: u64) -> String {
    let mut value = size as f64;
    for unit in ["bytes", "kB", "MB", "GB", "TB"] {
        if value < 999.95 || unit == "TB" {
            return if unit == "bytes" {
                format!("{size} bytes")
            } else {
                format!("{value:.1} {unit}")
            };
        }
        value /= 1000.0;
    }
    format!("{size} bytes")
}
