//! A source whose bytes are counted, so that the recorder can be watched, and at which segments are cut on request.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    source::{Cut, Source, SourceEnd},
    status::Board,
    supervisor::Control,
    time::Time,
};
use crate::stream::{Readiness, Wake};

/// Counts on `board` what `source` delivers.
pub(crate) struct ObservedSource<'a, S, T> {
    pub source: &'a mut S,
    pub time: &'a T,
    pub board: &'a Board,
    pub control: &'a Control,
    /// The longest wait, after which another sign of life is counted.
    pub beat: Option<Duration>,
}

impl<S: Source, T: Time> Source for ObservedSource<'_, S, T> {
    fn wait(&mut self, until: Option<Instant>) -> io::Result<Readiness> {
        self.board.count_turn();
        let beat = self.beat.and_then(|beat| self.time.now().checked_add(beat));
        self.source.wait(until.into_iter().chain(beat).min())
    }

    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(area)?;
        if read > 0 {
            self.board.count_bytes(read as u64, self.time.wall());
        }
        Ok(read)
    }

    fn wake(&self) -> Option<Arc<Wake>> {
        self.source.wake()
    }

    fn pending(&self) -> Option<usize> {
        self.source.pending()
    }

    fn takes_cut(&mut self) -> Option<Cut> {
        // Where another segment begins anyway, it also answers the request.
        let asked = self.control.takes_cut().then_some(Cut::AtPacket);
        self.source.takes_cut().or(asked)
    }

    fn end(&mut self) -> SourceEnd {
        self.source.end()
    }

    fn close(&mut self) {
        self.source.close();
    }
}
