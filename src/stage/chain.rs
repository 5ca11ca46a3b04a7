//! The chain of stages: seals forwards, opens backwards.

use thiserror::Error;

use super::{
    Clear, Frame, FrameFault, FrameParts, Received, Sealed, Stage, Verified, frame_authentication::FrameAuthentication,
    frame_encryption::FrameEncryption, frame_tagging::FrameTagging,
};
use crate::{
    container::{FRAME_OVERHEAD, Features, FrameSize, Prefix},
    keys::StageKeys,
};

/// The feature bits of a private stage are not in the prefix of the stream that it is to seal.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the prefix lacks the features {:#010x} of a private stage", .0.bits())]
pub struct UnnamedStage(pub Features);

/// The stages of one stream, in the order in which they seal.
pub struct Chain {
    stages: Vec<Box<dyn Stage>>,
    features: Features,
    frame_size: FrameSize,
    /// Reads what a tag claims.
    claims: Box<FrameEncryption>,
}

impl Chain {
    /// The chain of the stream that starts with `prefix`, without private stages: tagging, encryption, authentication.
    pub fn new(keys: &StageKeys, prefix: &Prefix) -> Self {
        Self::with_private(keys, prefix, Vec::new())
    }

    /// Like [`Chain::new`], to seal with the stages `private` first.
    ///
    /// # Errors
    ///
    /// [`UnnamedStage`] if the prefix lacks the features of a stage: readers would not know that it is needed.
    pub fn sealing(keys: &StageKeys, prefix: &Prefix, private: Vec<Box<dyn Stage>>) -> Result<Self, UnnamedStage> {
        let missing = Self::private_features(&private).beyond(prefix.features);
        if missing == Features::NONE {
            Ok(Self::with_private(keys, prefix, private))
        } else {
            Err(UnnamedStage(missing))
        }
    }

    /// Like [`Chain::new`], to open with the stages `private` last. Each runs only if the prefix has its features, so a
    /// reader with a stage can also read a stream without it.
    pub fn opening(keys: &StageKeys, prefix: &Prefix, mut private: Vec<Box<dyn Stage>>) -> Self {
        private.retain(|stage| prefix.features.contains(stage.features()));
        Self::with_private(keys, prefix, private)
    }

    fn with_private(keys: &StageKeys, prefix: &Prefix, private: Vec<Box<dyn Stage>>) -> Self {
        let mut stages = private;
        stages.push(Box::new(FrameTagging::new(prefix.features)));
        let encryption = || FrameEncryption::new(&keys.frame_encryption, prefix.iv, prefix.frame_size);
        stages.push(Box::new(encryption()));
        stages.push(Box::new(FrameAuthentication::new(&keys.frame_authentication)));
        Self { stages, features: prefix.features, frame_size: prefix.frame_size, claims: Box::new(encryption()) }
    }

    /// The frame size of the stream.
    pub fn frame_size(&self) -> FrameSize {
        self.frame_size
    }

    /// The features of the stream.
    pub fn features(&self) -> Features {
        self.features
    }

    /// The features known to a reader with the stages `private`.
    pub fn known_features(private: &[Box<dyn Stage>]) -> Features {
        Features::LIVE.union(Features::TIMED).union(Self::private_features(private))
    }

    /// The features that a stream sealed with the stages `private` carries for them.
    pub fn private_features(private: &[Box<dyn Stage>]) -> Features {
        private.iter().fold(Features::NONE, |features, stage| features.union(stage.features()))
    }

    /// Seals `frame`.
    pub fn seal(&self, frame: Frame<Clear>) -> Frame<Sealed> {
        let mut parts = frame.parts;
        for stage in &self.stages {
            stage.seal(&mut parts);
        }
        Frame::from_parts(parts)
    }

    /// Authenticates and opens `frame`.
    ///
    /// # Errors
    ///
    /// [`FrameFault`]; nothing of the frame is released then.
    pub fn open(&self, frame: Frame<Received>) -> Result<Frame<Verified>, FrameFault> {
        let mut parts = frame.parts;
        self.open_parts(&mut parts)?;
        Ok(Frame::from_parts(parts))
    }

    /// Like [`Chain::open`], for a stream to whose end something may have been appended. If a frame does not
    /// authenticate, its tag, which is not authenticated yet, may say that it is a shorter final frame; then that many
    /// bytes are authenticated like any frame, and the rest is left out.
    ///
    /// # Errors
    ///
    /// [`FrameFault`]; nothing of the frame is released then.
    pub fn open_extended(&self, frame: Frame<Received>) -> Result<Frame<Verified>, FrameFault> {
        let mut parts = frame.parts;
        match self.open_parts(&mut parts) {
            // The MAC comes before anything that alters the frame.
            Err(FrameFault::Mac) => {}
            opened => return opened.map(|()| Frame::from_parts(parts)),
        }
        let claimed = self.claims.claimed_tag(&parts).filter(|tag| tag.index == parts.index() && tag.flags.is_final());
        let wire_length = claimed.and_then(|tag| (tag.length as usize).checked_add(FRAME_OVERHEAD));
        if !wire_length.is_some_and(|length| parts.shorten(length)) {
            return Err(FrameFault::Mac);
        }
        self.open_parts(&mut parts)?;
        Ok(Frame::from_parts(parts))
    }

    fn open_parts(&self, parts: &mut FrameParts) -> Result<(), FrameFault> {
        self.stages.iter().rev().try_for_each(|stage| stage.open(parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        container::{FrameTag, IV_LENGTH, TagFlags},
        keys::Key,
        stage::FrameBuffer,
    };

    const SIZE: FrameSize = FrameSize::MIN;

    fn chain(features: Features) -> Chain {
        let prefix = Prefix { frame_size: SIZE, features, iv: [0xff; IV_LENGTH] };
        Chain::new(&StageKeys::derive(&Key::from_bytes([1; 32]), &prefix), &prefix)
    }

    fn tag(index: u64, length: u32, flags: TagFlags) -> FrameTag {
        FrameTag { index, time: 0, offset: index * SIZE.payload() as u64, length, flags }
    }

    fn seal(chain: &Chain, tag: FrameTag, fill: u8) -> Vec<u8> {
        let mut buffer = FrameBuffer::new(SIZE);
        buffer.payload_area().fill(fill);
        chain.seal(Frame::clear(buffer, tag)).wire().to_vec()
    }

    fn open(chain: &Chain, index: u64, wire: &[u8]) -> Result<Vec<u8>, FrameFault> {
        let mut buffer = FrameBuffer::new(SIZE);
        buffer.wire_area()[..wire.len()].copy_from_slice(wire);
        let frame = Frame::received(buffer, index, wire.len()).unwrap();
        chain.open(frame).map(|frame| frame.payload().to_vec())
    }

    #[test]
    fn full_and_final_frames_of_every_kind_of_length_come_back() {
        let chain = chain(Features::NONE);
        let full = seal(&chain, tag(3, 4096, TagFlags::NONE), 7);
        assert_eq!(full.len(), SIZE.wire());
        assert_eq!(open(&chain, 3, &full).unwrap(), vec![7; 4096]);
        for length in [0, 1, 15, 16, 4094, 4095] {
            let last = seal(&chain, tag(3, length, TagFlags::FINAL), 7);
            assert_eq!(last.len(), length as usize + FRAME_OVERHEAD);
            assert_eq!(open(&chain, 3, &last).unwrap(), vec![7; length as usize]);
        }
    }

    /// Inverts every payload byte, under the private bit 24.
    struct Complement;

    impl Stage for Complement {
        fn features(&self) -> Features {
            Features::from_bits(1 << 24)
        }

        fn seal(&self, frame: &mut FrameParts) {
            frame.payload_mut().iter_mut().for_each(|byte| *byte = !*byte);
        }

        fn open(&self, frame: &mut FrameParts) -> Result<(), FrameFault> {
            self.seal(frame);
            Ok(())
        }
    }

    #[test]
    fn a_private_stage_works_on_streams_that_name_it_and_leaves_others_alone() {
        let private = || -> Vec<Box<dyn Stage>> { vec![Box::new(Complement)] };
        let bit = Chain::private_features(&private());
        assert_eq!(bit, Features::from_bits(1 << 24));
        assert_eq!(Chain::known_features(&private()), Features::from_bits(0x0100_0003));
        let [with, without] = [bit, Features::NONE].map(|features| {
            let prefix = Prefix { frame_size: SIZE, features, iv: [0xff; IV_LENGTH] };
            let keys = StageKeys::derive(&Key::from_bytes([1; 32]), &prefix);
            [private(), Vec::new()].map(|private| Chain::opening(&keys, &prefix, private))
        });
        let tag = tag(0, 40, TagFlags::FINAL);
        let sealed = seal(&with[0], tag, 7);
        assert_eq!(open(&with[0], 0, &sealed).unwrap(), vec![7; 40]);
        assert_eq!(open(&with[1], 0, &sealed).unwrap(), vec![!7; 40]);
        assert!(seal(&without[0], tag, 7) == seal(&without[1], tag, 7));
    }

    #[test]
    fn no_chain_seals_with_a_private_stage_that_the_prefix_does_not_name() {
        let bit = Features::from_bits(1 << 24);
        let sealing = |features| {
            let prefix = Prefix { frame_size: SIZE, features, iv: [0xff; IV_LENGTH] };
            let keys = StageKeys::derive(&Key::from_bytes([1; 32]), &prefix);
            Chain::sealing(&keys, &prefix, vec![Box::new(Complement)]).map(|chain| {
                let tag = tag(0, 40, TagFlags::FINAL);
                seal(&chain, tag, 7) != seal(&Chain::new(&keys, &prefix), tag, 7)
            })
        };
        assert_eq!(sealing(Features::LIVE), Err(UnnamedStage(bit)));
        assert_eq!(sealing(Features::LIVE.union(bit)), Ok(true));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_fails_to_authenticate() {
        let chain = chain(Features::NONE);
        let wire = seal(&chain, tag(0, 40, TagFlags::FINAL), 7);
        for bit in 0..wire.len() * 8 {
            let mut flipped = wire.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&chain, 0, &flipped), Err(FrameFault::Mac), "bit {bit}");
        }
        for length in FRAME_OVERHEAD..wire.len() {
            assert_eq!(open(&chain, 0, &wire[..length]), Err(FrameFault::Mac), "cut to {length}");
        }
    }

    #[test]
    fn a_final_frame_is_found_before_whatever_was_appended_to_it_and_no_other_frame_is() {
        let chain = chain(Features::NONE);
        let extended = |wire: &[u8]| {
            let mut buffer = FrameBuffer::new(SIZE);
            buffer.wire_area()[..wire.len()].copy_from_slice(wire);
            let opened = chain.open_extended(Frame::received(buffer, 3, wire.len()).unwrap());
            opened.map(|frame| (frame.payload().to_vec(), frame.wire_length()))
        };
        for length in [0, 1, 4000, 4095] {
            let last = seal(&chain, tag(3, length, TagFlags::FINAL), 7);
            for junk in [0, 1, SIZE.wire() - last.len()] {
                let wire = [last.clone(), vec![9; junk]].concat();
                assert_eq!(extended(&wire), Ok((vec![7; length as usize], last.len())), "{length}, {junk}");
            }
            assert_eq!(extended(&last[..last.len().saturating_sub(1).max(FRAME_OVERHEAD)]).is_err(), length > 0);
            for at in [0, 31, last.len() - 1] {
                let mut wire = [last.clone(), vec![9; 1]].concat();
                wire[at] ^= 1;
                assert_eq!(extended(&wire), Err(FrameFault::Mac), "{length}, {at}");
            }
        }
        let full = seal(&chain, tag(3, 4096, TagFlags::NONE), 7);
        assert_eq!(extended(&full).unwrap().1, SIZE.wire());
        let lying = seal(&chain, tag(3, 4096, TagFlags::FINAL), 7);
        assert_eq!(extended(&lying), Err(FrameFault::FinalButFull));
    }

    #[test]
    fn a_frame_at_another_index_fails_to_authenticate() {
        let chain = chain(Features::NONE);
        let wire = seal(&chain, tag(1, 4096, TagFlags::NONE), 7);
        assert_eq!(open(&chain, 2, &wire), Err(FrameFault::Mac));
    }

    #[test]
    fn a_false_tag_under_a_valid_mac_has_its_own_error() {
        let plain = chain(Features::NONE);
        let refused = |tag: FrameTag| open(&plain, tag.index, &seal(&plain, tag, 7)).unwrap_err();
        let good = tag(1, 4096, TagFlags::NONE);
        assert_eq!(refused(FrameTag { offset: 4095, ..good }), FrameFault::Offset(4095));
        assert_eq!(refused(FrameTag { time: 5, ..good }), FrameFault::Time(5));
        assert_eq!(refused(FrameTag { length: 4095, ..good }), FrameFault::Length(4095));
        assert_eq!(refused(FrameTag { flags: TagFlags::INTERRUPTED, ..good }), FrameFault::NotFinal);
        assert_eq!(refused(FrameTag { flags: TagFlags::FINAL, ..good }), FrameFault::FinalButFull);
        assert_eq!(refused(FrameTag { flags: TagFlags::from_bits(4), ..good }), FrameFault::UnknownFlags(4));
        assert!(open(&plain, 1, &seal(&plain, FrameTag { flags: TagFlags::from_bits(1 << 16), ..good }, 7)).is_ok());
    }

    #[test]
    fn timed_streams_need_a_time_and_live_ones_may_hold_less() {
        let timed = chain(Features::TIMED);
        let good = tag(0, 4096, TagFlags::NONE);
        assert_eq!(open(&timed, 0, &seal(&timed, good, 7)), Err(FrameFault::Time(0)));
        assert!(open(&timed, 0, &seal(&timed, FrameTag { time: 1, ..good }, 7)).is_ok());
        let live = chain(Features::LIVE);
        let short = FrameTag { offset: 17, length: 9, ..good };
        let wire = seal(&live, short, 7);
        assert_eq!(wire.len(), SIZE.wire());
        assert_eq!(open(&live, 0, &wire).unwrap(), vec![7; 9]);
    }
}
