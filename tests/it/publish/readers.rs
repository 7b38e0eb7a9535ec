//! Readers beside publications.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use sha2::{Digest as _, Sha256};
use tidegate::observe::data::served;

use super::shelf::{FILE, Shelf, on_every_store};
use crate::harness::stores::run;

on_every_store! {
    a_reader_never_sees_half_a_publication
}

/// What a reader has seen.
#[derive(Default)]
struct Seen {
    pointers: usize,
    copies: usize,
    versions: BTreeSet<String>,
}

fn content(number: usize) -> Vec<u8> {
    // Of different sizes, and larger than one packet.
    (0..40_000 + number * 1_000).map(|at| (at % 251 + number) as u8).collect()
}

fn a_reader_never_sees_half_a_publication(shelf: &Shelf) {
    let digests: BTreeSet<String> =
        (0..20).map(|number| format!("{:x}", Sha256::digest(content(number)))).collect();
    shelf.publish(&content(0), "2026-02-07T00:00:00Z", None);
    let done = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let reader = scope.spawn(|| run(read(shelf, &done, &digests)));
        for number in 1..20 {
            shelf.publish(&content(number), &format!("2026-02-07T00:{number:02}:00Z"), None);
        }
        done.store(true, Ordering::SeqCst);
        reader.join().unwrap()
    });
    assert!(seen.pointers > 0 && seen.copies > 0, "the reader has read nothing");
    let last = format!("{:x}", Sha256::digest(content(19)));
    assert!(seen.versions.contains(&last), "the last read comes after the last publication");
}

async fn read(shelf: &Shelf, done: &AtomicBool, digests: &BTreeSet<String>) -> Seen {
    let container = shelf.container_here();
    let mut seen = Seen::default();
    loop {
        // Asked before the read: the last round begins after the last publication.
        let last = done.load(Ordering::SeqCst);
        let (pointer, _) = served(&container).await.unwrap().expect("a pointer");
        let read = container.read(&pointer.version.path, 1 << 20).await.unwrap();
        let (bytes, _) = read.expect("the version that the pointer names");
        assert_eq!(format!("{:x}", Sha256::digest(&bytes)), pointer.version.sha256);
        seen.pointers += 1;
        seen.versions.insert(pointer.version.sha256);
        let (copy, _) = container.read(FILE, 1 << 20).await.unwrap().expect("the copy");
        let digest = format!("{:x}", Sha256::digest(&copy));
        assert!(digests.contains(&digest), "the copy has {} bytes of no version", copy.len());
        seen.copies += 1;
        if last {
            return seen;
        }
    }
}
