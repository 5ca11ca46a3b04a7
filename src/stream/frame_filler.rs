//! Filling frames with the bytes that arrive.

use std::{
    io,
    time::{Duration, Instant},
};

use super::{Filled, Input, StreamError, Wait, read_once};
use crate::stage::FrameBuffer;

/// Fills one buffer after another from an input, and keeps the partly filled buffer of a frame that has not all
/// arrived.
pub(crate) struct FrameFiller<I> {
    input: I,
    partial: Option<FrameBuffer>,
    filled: usize,
    /// The longest that a first byte waits for its buffer to fill.
    max_delay: Option<Duration>,
    /// When the partial buffer is due, however full it is.
    due: Option<Instant>,
}

/// The bytes of one frame: a buffer, how many of its bytes are filled, and whether the input ended with them.
pub(crate) struct Arrived {
    pub buffer: FrameBuffer,
    pub filled: usize,
    pub ended: bool,
}

impl<I: Input> FrameFiller<I> {
    pub fn new(input: I) -> Self {
        Self { input, partial: None, filled: 0, max_delay: None, due: None }
    }

    /// Returns a buffer that is not full once `max_delay` has passed since its first byte arrived.
    pub fn set_max_delay(&mut self, max_delay: Duration) {
        self.max_delay = Some(max_delay);
    }

    /// Reads until `area` of a buffer is full or due, or the input ends. The buffer is the partly filled one, or else
    /// the last of `empty`. `None` if there is no buffer, or if, with [`Wait::Never`], one read does not fill it:
    /// reading on for as long as there is more would let a writer of single bytes hold up the frames before it.
    /// `arrived` is called when the first byte has been read.
    ///
    /// # Errors
    ///
    /// [`StreamError::Read`], [`StreamError::Stopped`].
    pub fn next(
        &mut self,
        empty: &mut Vec<FrameBuffer>,
        area: impl FnOnce(&mut FrameBuffer) -> &mut [u8],
        wait: Wait,
        arrived: impl FnMut(),
    ) -> Result<Option<Arrived>, StreamError> {
        let Some(mut buffer) = self.partial.take().or_else(|| empty.pop()) else { return Ok(None) };
        let state = self.fill(area(&mut buffer), wait, arrived).map_err(StreamError::Read)?;
        let ended = match state {
            Filled::NotReady => {
                self.partial = Some(buffer);
                return Ok(None);
            }
            Filled::Stopped => return Err(StreamError::Stopped),
            Filled::Full | Filled::Partly => false,
            Filled::Ended => true,
        };
        self.due = None;
        Ok(Some(Arrived { buffer, filled: std::mem::take(&mut self.filled), ended }))
    }

    /// [`Filled::Partly`] if the buffer is due.
    fn fill(&mut self, area: &mut [u8], wait: Wait, mut arrived: impl FnMut()) -> io::Result<Filled> {
        loop {
            let until_due = self.due.filter(|_| wait == Wait::ForInput).map(Wait::Until);
            let before = self.filled;
            let state = read_once(&mut self.input, area, &mut self.filled, until_due.unwrap_or(wait))?;
            if before == 0 && self.filled > 0 {
                arrived();
                self.due = self.max_delay.and_then(|delay| Instant::now().checked_add(delay));
            }
            match state {
                Filled::NotReady if until_due.is_some() => return Ok(Filled::Partly),
                Filled::Partly if wait == Wait::Never => return Ok(Filled::NotReady),
                // A due buffer is returned even if there is more: otherwise a busy writer would fill it byte by byte.
                Filled::Partly if self.due.is_none_or(|due| Instant::now() < due) => {}
                state => return Ok(state),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        container::FrameSize,
        stream::{DescriptorInput, Readiness},
    };

    const SIZE: FrameSize = FrameSize::MIN;

    /// Is ready for one read of some bytes at a time, and then not.
    struct Dribbling<'a>(Vec<&'a [u8]>, bool);

    impl Input for Dribbling<'_> {
        fn readiness(&mut self, wait: Wait) -> std::io::Result<Readiness> {
            self.1 = !self.1 || wait == Wait::ForInput;
            Ok(if self.1 { Readiness::Ready } else { Readiness::NotReady })
        }

        fn read(&mut self, area: &mut [u8]) -> std::io::Result<usize> {
            let piece = self.0.remove(0);
            area[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    #[test]
    fn a_partly_filled_frame_is_kept_until_the_rest_arrives() {
        let mut filler = FrameFiller::new(Dribbling(vec![b"one", b" frame", b""], false));
        let (mut empty, mut arrivals) = (vec![FrameBuffer::new(SIZE)], 0);
        for _ in 0..2 {
            let next = filler.next(&mut empty, FrameBuffer::payload_area, Wait::Never, || arrivals += 1);
            assert!(next.unwrap().is_none());
        }
        let arrived = filler.next(&mut empty, FrameBuffer::payload_area, Wait::ForInput, || arrivals += 1);
        let Arrived { mut buffer, filled, ended } = arrived.unwrap().unwrap();
        assert_eq!((&buffer.payload_area()[..filled], ended, arrivals), (b"one frame".as_slice(), true, 1));
    }

    /// Always has one more byte. Counts the reads.
    struct Busy(usize);

    impl Input for Busy {
        fn readiness(&mut self, _: Wait) -> std::io::Result<Readiness> {
            Ok(Readiness::Ready)
        }

        fn read(&mut self, area: &mut [u8]) -> std::io::Result<usize> {
            self.0 += 1;
            area[0] = 0;
            Ok(1)
        }
    }

    #[test]
    fn without_waiting_a_busy_writer_of_single_bytes_is_read_once() {
        let mut filler = FrameFiller::new(Busy(0));
        let next = filler.next(&mut vec![FrameBuffer::new(SIZE)], FrameBuffer::payload_area, Wait::Never, || {});
        assert!(next.unwrap().is_none());
        assert_eq!(filler.input.0, 1);
    }

    #[test]
    fn a_buffer_that_is_not_full_is_given_when_it_is_due_and_not_before() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let mut filler = FrameFiller::new(DescriptorInput::new(reader).unwrap());
        let delay = Duration::from_millis(5);
        filler.set_max_delay(delay);
        let mut empty = vec![FrameBuffer::new(SIZE), FrameBuffer::new(SIZE)];
        for piece in [b"one".as_slice(), b"another"] {
            std::io::Write::write_all(&mut writer, piece).unwrap();
            let before = Instant::now();
            let mut next = |wait| filler.next(&mut empty, FrameBuffer::payload_area, wait, || {}).unwrap();
            assert!(next(Wait::Never).is_none());
            let Arrived { mut buffer, filled, ended } = next(Wait::ForInput).unwrap();
            assert_eq!((&buffer.payload_area()[..filled], ended), (piece, false));
            assert!(before.elapsed() >= delay);
        }
    }
}
