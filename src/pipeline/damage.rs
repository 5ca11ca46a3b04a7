//! Damaged frames, and where they are reported.

use std::mem;

use crate::stage::FrameFault;

/// A frame of a stream that is not sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DamagedFrame {
    /// The frame's index.
    pub index: u64,
    /// Its bytes on the wire.
    pub wire_length: usize,
    /// What is wrong with it.
    pub damage: FrameDamage,
}

/// What is wrong with a damaged frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameDamage {
    /// It was read, and refused.
    Refused(FrameFault),
    /// It could not be read.
    Unreadable {
        /// The system's error number, if there is one.
        os_error: Option<i32>,
    },
}

impl FrameDamage {
    /// Whether both frames have the same kind of fault, whatever its numbers are.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Refused(one), Self::Refused(other)) => mem::discriminant(one) == mem::discriminant(other),
            (Self::Unreadable { .. }, Self::Unreadable { .. }) => true,
            _ => false,
        }
    }
}

/// Where damaged frames are reported, in any order and from any thread.
pub trait DamageListener: Sync {
    /// Called for each damaged frame.
    fn on_damage(&self, frame: DamagedFrame);
}
