//! Sizes of disks as text: `5GB`, `512MiB`.

/// Reads a size: `KB` is 1,000 bytes, `KiB` 1,024, as DuckDB reads them. `None` where it is none.
pub fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let (base, power): (u64, u32) = match unit.trim().to_ascii_uppercase().as_str() {
        "B" => (1, 0),
        "KB" => (1000, 1),
        "MB" => (1000, 2),
        "GB" => (1000, 3),
        "TB" => (1000, 4),
        "KIB" => (1024, 1),
        "MIB" => (1024, 2),
        "GIB" => (1024, 3),
        "TIB" => (1024, 4),
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(base.pow(power))
}

/// Says a number of bytes in units of 1000.
pub(super) fn shown(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => {
            let tenths = bytes / (unit / 10);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown() {
        for (text, size) in [
            ("5GB", Some(5_000_000_000)),
            ("512MiB", Some(512 << 20)),
            ("10 kb", Some(10_000)),
            ("7", None),
            ("GB", None),
            ("1.5GB", None),
            ("99999999999999TB", None),
        ] {
            assert_eq!(bytes(text), size, "{text}");
        }
        assert_eq!((shown(999), shown(1_560_000_000)), ("999 B".to_owned(), "1.5 GB".to_owned()));
    }
}
