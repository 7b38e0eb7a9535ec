//! A publication that ends at any moment leaves nothing half, and the next run completes it.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use tidegate::apply::data::{move_pointer, upload_version};
use tidegate::data::PublishedVersion;

use super::shelf::{FILE, LAYER, Shelf, on_every_store};
use crate::harness::stores::run;

/// The requests of a publication: is the version there, send it, read it back, describe it; read the
/// pointer, back up, move the pointer; make the copy.
const REQUESTS: usize = 8;

on_every_store! {
    a_publication_that_is_killed_is_completed_by_the_next
}

/// Drives a future until it has waited so often, and drops it then. Returns whether it has ended.
async fn ends_within(waits: usize, future: impl Future<Output = ()>) -> bool {
    let mut future = pin!(future);
    let mut left = waits;
    std::future::poll_fn(move |context| match future.as_mut().poll(context) {
        Poll::Ready(()) => Poll::Ready(true),
        Poll::Pending if left == 0 => Poll::Ready(false),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

async fn publish(shelf: &Shelf, file: &std::path::Path, version: &PublishedVersion) {
    let container = shelf.store().container(LAYER).unwrap();
    upload_version(&container, file, version, &|_| {}).await.unwrap();
    let time = version.created;
    move_pointer(&container, FILE, version, None, Some(time), time).await.unwrap();
}

fn a_publication_that_is_killed_is_completed_by_the_next(shelf: &Shelf) {
    let mut before = shelf.publish(b"before", "2026-02-01T00:00:00Z", None);
    let mut killed = 0;
    // At every moment in a folder; a server takes its time, and waits several times for one answer.
    for waits in (0..).step_by(shelf.moments()) {
        let content = format!("content {waits} {}", "x".repeat(waits));
        let (file, own) = shelf.version(content.as_bytes(), "2026-02-07T19:53:58Z");
        let ended = run(ends_within(waits, publish(shelf, &file, &own)));
        // Whatever has happened: what is served is one of the two, and whole.
        let pointer = shelf.served().expect("something is served").version;
        let either = [&before.version, &own.version];
        assert!(either.contains(&&pointer.version), "after {waits} waits");
        let bytes = shelf.bytes(&pointer.path).expect("the served version");
        assert_eq!(bytes.len() as u64, pointer.size, "after {waits} waits");
        if ended {
            shelf.assert_whole(&own);
            break;
        }
        killed += 1;
        run(publish(shelf, &file, &own));
        shelf.assert_whole(&own);
        before = own;
    }
    // A publication is at least so many requests, each of which is waited for at least once. How often
    // more is the machine's business.
    let tried = REQUESTS / shelf.moments();
    assert!(killed >= tried, "it was killed at {killed} moments only, {tried} are the least");
}
