//! The end of a stream whose final frame was never written, or has not been written yet.

use crate::{
    stage::{Frame, FrameBuffer, Verified},
    stream::{OpenedStream, ReadAt, StreamError, StreamFile},
};

/// The number of frames up to the last sound one, and that frame. Steps back from the end, doubling the step until a
/// frame is sound, and then bisects: after a power failure, a few of the last frames may be missing from the space
/// reserved for them. If no such step finds a sound frame, the first frames are tried one by one, as some of them may
/// be missing too.
pub(super) fn sound_frames<R: ReadAt>(
    stream: &OpenedStream,
    file: &StreamFile<R>,
) -> Result<(u64, Option<Frame<Verified>>), StreamError> {
    const FIRST_FRAMES: u64 = 256;
    let mut unreadable = None;
    let mut verified = |index| match file.read(FrameBuffer::new(file.layout().frame_size), index) {
        Ok(frame) => stream.chain().open(frame).ok(),
        Err(error @ StreamError::ReadFrame { .. }) => {
            unreadable.get_or_insert(error);
            None
        }
        Err(_) => None,
    };
    let count = file.frames();
    let (mut end, mut step) = (count, 1_u64);
    // No frame from `end` on was found to be sound.
    let mut found = None;
    while end > 0 && found.is_none() {
        let index = end.saturating_sub(step);
        found = verified(index).map(|frame| (index, frame));
        if found.is_none() {
            (end, step) = (index, step.saturating_mul(2));
        }
    }
    if found.is_none() {
        end = count;
        found = (0..count.min(FIRST_FRAMES)).find_map(|index| verified(index).map(|frame| (index, frame)));
    }
    let Some((mut index, mut frame)) = found else { return unreadable.map_or(Ok((0, None)), Err) };
    while index + 1 < end {
        let middle = index + (end - index) / 2;
        match verified(middle) {
            Some(sound) => (index, frame) = (middle, sound),
            None => end = middle,
        }
    }
    Ok((index + 1, Some(frame)))
}
