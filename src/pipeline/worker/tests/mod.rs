//! Tests of the worker loop.

mod failures;
mod limits;
mod live;
mod round_trip;

use std::{num::NonZero, sync::mpsc::channel, thread, time::Duration};

use super::Workers;
use crate::{
    container::{Features, FrameSize, HeaderLength, IV_LENGTH, Layout, Prefix},
    keys::{Key, StageKeys},
    stage::Chain,
};

const SIZE: FrameSize = FrameSize::MIN;
const LAYOUT: Layout = Layout { frame_size: SIZE, header_length: HeaderLength::MIN };
/// The number of frames in a hand at this size.
const HAND: u64 = 126;

fn chain(features: Features) -> Chain {
    let prefix = Prefix { frame_size: SIZE, features, iv: [0xff; IV_LENGTH] };
    Chain::new(&StageKeys::derive(&Key::from_bytes([1; 32]), &prefix), &prefix)
}

fn workers(count: usize) -> Workers<'static> {
    Workers::new(NonZero::new(count).unwrap(), SIZE)
}

/// The result of `run`. A run that hangs fails its own test by name, and does not hang the others.
fn that_ends<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, ended) = channel();
    let running = thread::spawn(move || {
        let result = run();
        let _ = sender.send(());
        result
    });
    // Its sender is gone without a message if the run panicked.
    let waited = ended.recv_timeout(Duration::from_secs(120));
    assert_ne!(waited, Err(std::sync::mpsc::RecvTimeoutError::Timeout), "the run hangs");
    running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
