//! An input whose first bytes can still be looked at when its header is refused.

use std::io;

use crate::{
    container::HeaderClaims,
    stream::{Input, Readiness, Wait},
};

pub(super) struct Remembering<R> {
    input: R,
    first: Vec<u8>,
}

impl<R: Input> Remembering<R> {
    pub fn new(input: R) -> Self {
        Self { input, first: Vec::new() }
    }

    /// What the input claims to be.
    pub fn claims(&self) -> Option<HeaderClaims> {
        HeaderClaims::read(&self.first)
    }
}

impl<R: Input> Input for Remembering<R> {
    fn readiness(&mut self, wait: Wait) -> io::Result<Readiness> {
        self.input.readiness(wait)
    }

    fn read(&mut self, area: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(area)?;
        let missing = HeaderClaims::LENGTH - self.first.len();
        self.first.extend(area.iter().take(read.min(missing)));
        Ok(read)
    }
}
