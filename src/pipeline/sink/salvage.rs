//! A sink for the sound frames of a damaged stream. The final frame is held back until it is known that no sound frame
//! follows it, since anyone who can forge one can put it anywhere.

use std::{
    io, mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use zeroize::Zeroizing;

use super::Sink;
use crate::{
    container::{FRAME_OVERHEAD, FrameTag},
    pipeline::{
        DamageListener, DamagedFrame, FrameDamage,
        ledger::{Ledger, StretchListener, Totals},
    },
    stage::{Frame, FrameFault, Verified},
};

/// Where sound frames go.
pub trait SalvageOutput: Sync {
    /// Whether frames must be given in the order of their indexes.
    const IN_TURN: bool;

    /// Takes consecutive frames, none of them the final one.
    ///
    /// # Errors
    ///
    /// The output's error.
    fn put(&self, frames: &[Frame<Verified>]) -> io::Result<()>;

    /// Takes the final frame, or `None` if it is lost. Called once, after all others.
    ///
    /// # Errors
    ///
    /// The output's error.
    fn put_last(&self, last: Option<&FinalFrame>) -> io::Result<()>;
}

/// An authenticated final frame.
pub struct FinalFrame {
    /// Its tag.
    pub tag: FrameTag,
    /// Its payload, which is wiped when it is dropped.
    pub payload: Zeroizing<Vec<u8>>,
}

/// Passes sound frames to an output, and stretches of sound and missing ones to a listener.
pub(in crate::pipeline) struct SalvageSink<'a, O> {
    output: O,
    ledger: Mutex<Ledger<'a>>,
    last: Mutex<Option<FinalFrame>>,
}

/// How a salvage ended.
pub(in crate::pipeline) struct SalvageEnd {
    pub totals: Totals,
    /// The tag of the final frame, if that is sound.
    pub last: Option<FrameTag>,
    /// Whether frames were seen after the final one.
    pub is_extended: bool,
}

impl<'a, O: SalvageOutput> SalvageSink<'a, O> {
    pub fn new(output: O, listener: &'a dyn StretchListener) -> Self {
        Self { output, ledger: Mutex::new(Ledger::new(listener)), last: Mutex::default() }
    }

    /// Ends the output and the account.
    pub fn finish(self) -> io::Result<SalvageEnd> {
        let Self { output, ledger, last } = self;
        let mut ledger = ledger.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut last = last.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(early) = last.take_if(|last| ledger.highest_sound() > Some(last.tag.index)) {
            ledger.damaged(not_last(&early));
        }
        // Without a sound frame, the output is left alone.
        if last.is_some() || ledger.highest_sound().is_some() {
            output.put_last(last.as_ref())?;
        }
        let last = last.map(|last| last.tag);
        let is_extended = last.is_some_and(|last| ledger.knows_beyond(last.index));
        let totals = match &last {
            Some(last) => ledger.finish_with(last),
            None => ledger.finish_unfinished(),
        };
        Ok(SalvageEnd { totals, last, is_extended })
    }

    /// Holds back a final frame; if there are two, the later one.
    fn hold(&self, frame: &Frame<Verified>) {
        let held = FinalFrame { tag: *frame.tag(), payload: Zeroizing::new(frame.payload().to_vec()) };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let early = match &mut *last {
            Some(last) if last.tag.index > held.tag.index => Some(held),
            Some(last) => Some(mem::replace(last, held)),
            none => {
                *none = Some(held);
                None
            }
        };
        early.iter().for_each(|early| self.ledger().damaged(not_last(early)));
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger<'a>> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A final frame that is not the last sound one.
fn not_last(FinalFrame { tag, payload }: &FinalFrame) -> DamagedFrame {
    let damage = FrameDamage::Refused(FrameFault::FinalButNotLast);
    DamagedFrame { index: tag.index, wire_length: payload.len() + FRAME_OVERHEAD, damage }
}

impl<O: SalvageOutput> DamageListener for SalvageSink<'_, O> {
    fn on_damage(&self, frame: DamagedFrame) {
        self.ledger().damaged(frame);
    }
}

impl<O: SalvageOutput> Sink<Verified> for SalvageSink<'_, O> {
    const IN_TURN: bool = O::IN_TURN;

    fn write(&self, frames: &[Frame<Verified>]) -> io::Result<()> {
        let is_final = |frame: &Frame<Verified>| frame.tag().flags.is_final();
        for run in frames.chunk_by(|one, next| one.index() + 1 == next.index() && !is_final(one) && !is_final(next)) {
            match run {
                [frame] if is_final(frame) => self.hold(frame),
                run => {
                    self.output.put(run)?;
                    let mut ledger = self.ledger();
                    run.iter().for_each(|frame| ledger.sound(frame.tag()));
                }
            }
        }
        Ok(())
    }

    fn past_damage(&self) -> Option<&dyn DamageListener> {
        Some(self)
    }
}
