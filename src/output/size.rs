//! Sizes as people say them.

/// Says a number of bytes, in units of 1000: `165.2 MB`.
pub fn size(bytes: u64) -> String {
    let units = ["kB", "MB", "GB", "TB"];
    let mut whole = bytes;
    let mut rest = 0;
    let mut unit = None;
    for next in units {
        if whole < 1000 {
            break;
        }
        // Tenths are cut, not rounded: what is said is there.
        (whole, rest, unit) = (whole / 1000, whole % 1000 / 100, Some(next));
    }
    match unit {
        Some(unit) => format!("{whole}.{rest} {unit}"),
        None if bytes == 1 => "1 byte".to_owned(),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_as_people_say_them() {
        for (bytes, said) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1000, "1.0 kB"),
            (165_299_999, "165.2 MB"),
            (5_000_000_000, "5.0 GB"),
            (u64::MAX, "18446744.0 TB"),
        ] {
            assert_eq!(size(bytes), said);
        }
    }
}
