//! What a run does to frames: the chain in one of its directions, and the checks that need order.

use std::{
    borrow::Borrow,
    sync::{Mutex, PoisonError},
};

use super::source::Unreadable;
use crate::{
    container::{Features, FrameTag},
    stage::{Chain, Clear, Frame, FrameFault, Received, Sealed, Verified},
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

    /// Checks what needs order, at the frame's turn.
    ///
    /// # Errors
    ///
    /// [`FrameFault`] if the frame does not follow on the one before.
    fn check_in_turn(&self, _frame: &Frame<Self::To>) -> Result<(), FrameFault> {
        Ok(())
    }

    /// Whether [`Transform::check_in_turn`] is needed even for a sink that takes frames in any order.
    fn needs_turns(&self) -> bool {
        false
    }

    /// Hears of a frame that could not be read and that the source passed over.
    fn pass_over(&self, _frame: &Unreadable) {}

    /// Whether the run goes on behind a frame that [`Transform::apply`] refused; the sink never sees that frame.
    fn goes_on(&self) -> bool {
        false
    }
}

/// Sealing, forwards through the chain.
pub struct Sealing<'a>(pub &'a Chain);

impl Transform for Sealing<'_> {
    type From = Clear;
    type To = Sealed;

    fn apply(&self, frame: Frame<Clear>) -> Result<Frame<Sealed>, FrameFault> {
        Ok(self.0.seal(frame))
    }
}

/// Opening, backwards through the chain; live offsets and times are checked at the turn.
pub struct Opening<C> {
    chain: C,
    features: Features,
    follows: Mutex<Follows>,
}

#[derive(Default)]
struct Follows {
    offset: u64,
    time: i64,
}

impl<C: Borrow<Chain>> Opening<C> {
    /// Opening with `chain` a stream with `features`.
    pub fn new(chain: C, features: Features) -> Self {
        Self { chain, features, follows: Mutex::default() }
    }

    /// Checks a frame in front of which some were lost: what they held is not known, and that time went on is.
    pub(super) fn check_behind_a_gap(&self, frame: &Frame<Verified>) -> Result<(), FrameFault> {
        self.follow(frame.tag(), |offset, expected| offset >= expected)
    }

    fn follow(&self, tag: &FrameTag, offset_fits: impl Fn(u64, u64) -> bool) -> Result<(), FrameFault> {
        let mut follows = self.follows.lock().unwrap_or_else(PoisonError::into_inner);
        if self.features.contains(Features::LIVE) && !offset_fits(tag.offset, follows.offset) {
            return Err(FrameFault::Offset(tag.offset));
        }
        if tag.time < follows.time {
            return Err(FrameFault::Time(tag.time));
        }
        follows.offset = tag.end().ok_or(FrameFault::Offset(tag.offset))?;
        follows.time = tag.time;
        Ok(())
    }
}

impl<C: Borrow<Chain> + Sync> Transform for Opening<C> {
    type From = Received;
    type To = Verified;

    fn apply(&self, frame: Frame<Received>) -> Result<Frame<Verified>, FrameFault> {
        self.chain.borrow().open(frame)
    }

    fn check_in_turn(&self, frame: &Frame<Verified>) -> Result<(), FrameFault> {
        self.follow(frame.tag(), |offset, expected| offset == expected)
    }

    fn needs_turns(&self) -> bool {
        self.features != Features::NONE
    }
}
