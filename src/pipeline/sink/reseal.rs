//! The output of a salvage that makes a new stream from the sound frames, under new keys.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    sync::{Mutex, PoisonError},
};

use super::{FinalFrame, SalvageOutput, salvage_output::Filling};
use crate::{
    container::{Features, Layout},
    stage::{Chain, Frame, FrameBuffer, Verified},
    stream::{Clock, Ending, FrameMaker, StreamError},
};

/// A file that takes the frames of a new stream. With zeros for what is missing, every frame keeps its index, offset
/// and time; otherwise only its time. Frames of zeros get the time of the frame before them.
pub struct ResealedOutput<'a> {
    file: &'a File,
    layout: Layout,
    chain: &'a Chain,
    filling: Filling,
    state: Mutex<State>,
}

struct State {
    maker: FrameMaker,
    /// The index in the old stream of the next frame.
    next_index: u64,
    /// The end of the last payload in the old stream.
    offset: u64,
    time: Option<i64>,
    buffer: Option<FrameBuffer>,
}

impl<'a> ResealedOutput<'a> {
    /// Writes frames to `file`, at their places in this `layout`, sealed by `chain`, which must belong to a new stream
    /// with the features and frame size of the old one. The header goes before them.
    pub fn new(file: &'a File, layout: Layout, chain: &'a Chain, filling: Filling) -> Self {
        let mut maker = FrameMaker::new(layout.frame_size, Clock::None);
        if chain.features().contains(Features::LIVE) {
            maker.set_live();
        }
        let state = State { maker, next_index: 0, offset: 0, time: None, buffer: None };
        Self { file, layout, chain, filling, state: Mutex::new(state) }
    }

    /// Takes the frame `index` of the old stream, which holds `payload` from the byte `offset` on.
    fn take(
        &self,
        state: &mut State,
        (index, offset): (u64, u64),
        time: i64,
        payload: &[u8],
        ending: Option<Ending>,
    ) -> io::Result<()> {
        if self.filling == Filling::Zeros {
            let full = self.layout.frame_size.payload();
            // Until a frame has been sound, there is no earlier time.
            let before = state.time.unwrap_or(time);
            for _ in state.next_index..index {
                let missing = offset.saturating_sub(state.offset).min(full as u64);
                self.seal(state, missing as usize, before, None, |area| area.fill(0))?;
                state.offset += missing;
            }
        }
        self.seal(state, payload.len(), time, ending, |area| area.copy_from_slice(payload))?;
        (state.next_index, state.time) = (index + 1, Some(time));
        state.offset = offset.saturating_add(payload.len() as u64);
        Ok(())
    }

    fn seal(
        &self,
        state: &mut State,
        length: usize,
        time: i64,
        ending: Option<Ending>,
        fill: impl FnOnce(&mut [u8]),
    ) -> io::Result<()> {
        let mut buffer = state.buffer.take().unwrap_or_else(|| FrameBuffer::new(self.layout.frame_size));
        fill(buffer.payload_area().get_mut(..length).unwrap_or_default());
        let position = self.layout.frame_position(state.maker.next_index());
        let frame =
            state.maker.copied(buffer, length, time, ending).map_err(|error: StreamError| io::Error::other(error))?;
        let sealed = self.chain.seal(frame);
        self.file.write_all_at(sealed.wire(), position)?;
        state.buffer = Some(sealed.into_buffer());
        Ok(())
    }
}

impl SalvageOutput for ResealedOutput<'_> {
    // A frame index is sealed once, so nothing is sealed before the checks that depend on order.
    const IN_TURN: bool = true;

    fn put(&self, frames: &[Frame<Verified>]) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for frame in frames {
            let tag = frame.tag();
            self.take(&mut state, (tag.index, tag.offset), tag.time, frame.payload(), None)?;
        }
        Ok(())
    }

    fn put_last(&self, last: Option<&FinalFrame>) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match last {
            Some(FinalFrame { tag, payload }) => {
                let ending = if tag.flags.is_interrupted() { Ending::Interrupted } else { Ending::Finished };
                self.take(&mut state, (tag.index, tag.offset), tag.time, payload, Some(ending))
            }
            None => {
                let (place, time) = ((state.next_index, state.offset), state.time.unwrap_or(0));
                self.take(&mut state, place, time, &[], Some(Ending::Interrupted))
            }
        }
    }
}
