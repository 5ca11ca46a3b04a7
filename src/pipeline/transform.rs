//! What a run does to frames: the chain in one direction, and the checks that depend on order.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use crate::{
    container::FrameTag,
    stage::{Chain, Clear, Frame, FrameFault, Received, Sealed, Verified},
    stream::Continuity,
};

/// One direction of a chain.
pub trait Transform: Sync {
    /// The state of frames going in.
    type From;
    /// The state of frames coming out.
    type To;

    /// Runs the chain on one frame.
    ///
    /// # Errors
    ///
    /// [`FrameFault`] if the frame is refused.
    fn apply(&self, frame: Frame<Self::From>) -> Result<Frame<Self::To>, FrameFault>;

    /// The checks that depend on order, made at the frame's turn.
    ///
    /// # Errors
    ///
    /// [`FrameFault`] if the frame does not continue the one before.
    fn check_in_turn(&self, _frame: &Frame<Self::To>) -> Result<(), FrameFault> {
        Ok(())
    }

    /// Whether [`Transform::check_in_turn`] must run even for a sink that takes frames in any order.
    fn needs_turns(&self) -> bool {
        false
    }
}

/// Sealing, forwards through the chain.
pub struct Sealing<'a> {
    chain: &'a Chain,
}

impl<'a> Sealing<'a> {
    /// Sealing all frames of a stream with its `chain`.
    pub fn new(chain: &'a Chain) -> Self {
        Self { chain }
    }
}

impl Transform for Sealing<'_> {
    type From = Clear;
    type To = Sealed;

    fn apply(&self, frame: Frame<Clear>) -> Result<Frame<Sealed>, FrameFault> {
        Ok(self.chain.seal(frame))
    }
}

/// Opening, backwards through the chain; live offsets and times are checked at the frame's turn.
pub struct Opening<'a> {
    chain: &'a Chain,
    needs_turns: bool,
    past_the_end: bool,
    found_extension: AtomicBool,
    continuity: Mutex<Continuity>,
}

impl<'a> Opening<'a> {
    /// Opening all frames of a stream with its `chain`.
    pub fn new(chain: &'a Chain) -> Self {
        Self::with(chain, Continuity::new(chain.features()))
    }

    /// Opening the frames from the one with this `tag` on, which is known to be right.
    pub fn starting_with(chain: &'a Chain, tag: &FrameTag) -> Self {
        Self::with(chain, Continuity::starting_with(chain.features(), tag))
    }

    /// Opening the sound frames, for a sink that lets the run go on past damage.
    pub fn across_gaps(chain: &'a Chain) -> Self {
        Self::with(chain, Continuity::across_gaps(chain.features(), chain.frame_size()))
    }

    /// Opening the sound frames of a stream that may also have been extended: its final frame is found even if
    /// something was appended to it.
    pub fn salvaging(chain: &'a Chain) -> Self {
        Self { past_the_end: true, ..Self::across_gaps(chain) }
    }

    /// Whether a final frame was found to which something was appended.
    pub(super) fn found_extension(&self) -> bool {
        self.found_extension.load(Ordering::Relaxed)
    }

    fn with(chain: &'a Chain, continuity: Continuity) -> Self {
        let needs_turns = Continuity::is_needed(chain.features());
        Self {
            chain,
            needs_turns,
            past_the_end: false,
            found_extension: AtomicBool::new(false),
            continuity: Mutex::new(continuity),
        }
    }
}

impl Transform for Opening<'_> {
    type From = Received;
    type To = Verified;

    fn apply(&self, frame: Frame<Received>) -> Result<Frame<Verified>, FrameFault> {
        if !self.past_the_end {
            return self.chain.open(frame);
        }
        let received = frame.wire_length();
        let opened = self.chain.open_extended(frame)?;
        if opened.wire_length() < received {
            self.found_extension.store(true, Ordering::Relaxed);
        }
        Ok(opened)
    }

    fn check_in_turn(&self, frame: &Frame<Verified>) -> Result<(), FrameFault> {
        if !self.needs_turns {
            return Ok(());
        }
        self.continuity.lock().unwrap_or_else(PoisonError::into_inner).check(frame.tag())
    }

    fn needs_turns(&self) -> bool {
        self.needs_turns
    }
}
