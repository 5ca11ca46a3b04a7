//! Decrypting part of a stream at a time, for as long as that is worth waiting for.

use std::{
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use hyper::body::Bytes;

use super::pace::QUICK;
use crate::{
    share::tree::{ReadFailure, SharedStream},
    system::waits_so_far,
};

/// Plaintext in order, and, if it is less than was asked for, why there is no more.
#[derive(Default)]
pub(super) struct Batch {
    pub pieces: Vec<Bytes>,
    pub failure: Option<ReadFailure>,
    pub was_quick: bool,
}

/// Decrypts from the beginning of `range`: whole frames, as far as they are in the range, of at least `least` bytes
/// together. It ends sooner at the end of the range, before what cannot be read, after the first frame that takes it
/// past `patience`, and when nobody wants the result any more.
pub(super) fn decrypt(
    stream: &SharedStream,
    range: Range<u64>,
    least: u64,
    patience: Duration,
    is_dropped: &AtomicBool,
) -> Batch {
    let (start, waits) = (Instant::now(), waits_so_far());
    let (mut batch, mut offset) = (Batch::default(), range.start);
    while offset < range.end.min(range.start.saturating_add(least))
        && !is_dropped.load(Ordering::Relaxed)
        && (batch.pieces.is_empty() || start.elapsed() <= patience)
    {
        match stream.piece_at(offset, range.end - offset) {
            Ok(Some(piece)) => {
                let piece = Bytes::from_owner(piece);
                offset += piece.len() as u64;
                batch.pieces.push(piece);
            }
            // Ranges are within the length.
            Ok(None) => break,
            Err(failure) => {
                batch.failure = Some(failure);
                break;
            }
        }
    }
    // A thread that merely had to give up its processor to others did not wait for a disk.
    let has_waited = waits.is_none_or(|before| waits_so_far() != Some(before));
    batch.was_quick = start.elapsed() <= QUICK || !has_waited;
    batch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::share::tree::testing;

    #[test]
    fn a_batch_is_one_frame_for_the_impatient_and_none_for_those_who_have_left() {
        let stream = testing::stream(300_000, true);
        let lengths = |patience, has_left: bool| {
            let batch = decrypt(&stream, 10..300_000, 200_000, patience, &AtomicBool::new(has_left));
            assert!(batch.failure.is_none());
            batch.pieces.iter().map(Bytes::len).collect::<Vec<_>>()
        };
        assert_eq!(lengths(Duration::MAX, false), [65_526, 65_536, 65_536, 65_536]);
        assert_eq!(lengths(Duration::ZERO, false), [65_526]);
        assert!(lengths(Duration::MAX, true).is_empty());
    }
}
