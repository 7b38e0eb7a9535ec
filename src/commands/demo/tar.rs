//! A tar archive of one small file: the layer of the demo's image.

/// The size of the blocks that an archive consists of, in bytes.
const BLOCK: usize = 512;

/// Returns an archive in the ustar format (POSIX.1-1988) that holds one regular file.
/// The same input gives the same bytes.
pub(super) fn archive(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; BLOCK];
    let mut put = |at: usize, text: &str| {
        for (to, from) in header.iter_mut().skip(at).zip(text.bytes()) {
            *to = from;
        }
    };
    put(0, name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{:011o}\0", content.len()));
    put(136, "00000000000\0");
    // The checksum counts itself as eight spaces.
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    for (to, from) in header.iter_mut().skip(148).zip(format!("{sum:06o}\0 ").bytes()) {
        *to = from;
    }
    let mut archive = header.to_vec();
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(BLOCK) + 2 * BLOCK, 0);
    archive
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_is_as_posix_says() {
        let bytes = archive("app.py", b"print(1)\n");
        assert_eq!(bytes.len(), 4 * BLOCK);
        assert_eq!(&bytes[..7], b"app.py\0");
        assert_eq!(&bytes[124..136], b"00000000011\0");
        assert_eq!(&bytes[257..265], b"ustar\x0000");
        assert_eq!(&bytes[512..521], b"print(1)\n");
        let stored = u32::from_str_radix(std::str::from_utf8(&bytes[148..154]).unwrap(), 8);
        let sum: u32 = bytes[..148].iter().chain(&bytes[156..512]).map(|b| u32::from(*b)).sum();
        assert_eq!(stored, Ok(sum + 8 * 32));
    }
}
