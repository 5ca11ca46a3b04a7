//! Frame encryption: AES-256 in counter mode (NIST SP 800-38A), one stream over all tags and payloads.

use aes::{
    Aes256Enc,
    cipher::{InnerIvInit, KeyInit, StreamCipherCore},
};
use ctr::{CtrCore, flavors};

use super::{FrameFault, FrameParts, Stage};
use crate::{
    container::{FrameSize, FrameTag, IV_LENGTH, TAG_LENGTH},
    keys::Key,
};

const BLOCK_LENGTH: usize = 16;

/// Encrypts tag and payload field of a frame.
pub struct FrameEncryption {
    cipher: Aes256Enc,
    iv: u128,
    frame_size: FrameSize,
}

impl FrameEncryption {
    /// Encryption under `key`, from the counter `iv` at the first block of frame 0.
    pub fn new(key: &Key, iv: [u8; IV_LENGTH], frame_size: FrameSize) -> Self {
        Self { cipher: Aes256Enc::new(key.bytes().into()), iv: u128::from_be_bytes(iv), frame_size }
    }

    /// What the tag of an encrypted frame claims, before anything is authenticated; `None` if there is no room for a
    /// tag.
    pub(super) fn claimed_tag(&self, frame: &FrameParts) -> Option<FrameTag> {
        let mut tag = *frame.text().first_chunk::<TAG_LENGTH>()?;
        apply_keystream(&self.cipher, self.counter(frame), &mut tag);
        Some(FrameTag::decode(&tag))
    }

    fn apply(&self, frame: &mut FrameParts) {
        let counter = self.counter(frame);
        apply_keystream(&self.cipher, counter, frame.text_mut());
    }

    fn counter(&self, frame: &FrameParts) -> u128 {
        self.iv.wrapping_add(self.frame_size.first_block(frame.index()))
    }
}

impl Stage for FrameEncryption {
    fn seal(&self, frame: &mut FrameParts) {
        self.apply(frame);
    }

    fn open(&self, frame: &mut FrameParts) -> Result<(), FrameFault> {
        self.apply(frame);
        Ok(())
    }
}

/// XORs `text` with the key stream that starts at the block `counter`.
fn apply_keystream(cipher: &Aes256Enc, counter: u128, text: &mut [u8]) {
    let iv = counter.to_be_bytes().into();
    let blocks = text.len().div_ceil(BLOCK_LENGTH) as u64;
    let low = counter as u64;
    // The faster 64-bit variant does not carry into the upper half.
    if low.checked_add(blocks).is_some() {
        CtrCore::<_, flavors::Ctr64BE>::inner_iv_init(cipher, &iv).apply_keystream_partial(text.into());
    } else {
        CtrCore::<_, flavors::Ctr128BE>::inner_iv_init(cipher, &iv).apply_keystream_partial(text.into());
    }
}

#[cfg(test)]
mod tests {
    use aes::cipher::BlockCipherEncrypt;

    use super::*;
    use crate::stage::{Frame, FrameBuffer};

    fn hex<const N: usize>(digits: &str) -> [u8; N] {
        let mut bytes = [0; N];
        base16ct::lower::decode(digits, &mut bytes).unwrap();
        bytes
    }

    /// NIST SP 800-38A, F.5.5 CTR-AES256.Encrypt.
    #[test]
    fn the_key_stream_gives_the_bytes_of_sp_800_38a() {
        let cipher =
            Aes256Enc::new(&hex::<32>("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4").into());
        let mut text: [u8; 64] = hex(concat!(
            "6bc1bee22e409f96e93d7e117393172a",
            "ae2d8a571e03ac9c9eb76fac45af8e51",
            "30c81c46a35ce411e5fbc1191a0a52ef",
            "f69f2445df4f9b17ad2b417be66c3710",
        ));
        apply_keystream(&cipher, u128::from_be_bytes(hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")), &mut text);
        let expected: [u8; 64] = hex(concat!(
            "601ec313775789a5b7a7f504bbf3d228",
            "f443e3ca4d62b59aca84e990cacaf5c5",
            "2b0930daa23de94ce87017ba2d84988d",
            "dfc9c58db67aada613c2dd08457941a6",
        ));
        assert_eq!(text, expected);
    }

    #[test]
    fn the_stage_encrypts_tag_and_payload_from_the_frames_own_counter_and_undoes_it() {
        const INDEX: u64 = 3;
        let (key, iv, size) = (Key::from_bytes([3; 32]), [0xff; IV_LENGTH], FrameSize::MIN);
        let stage = FrameEncryption::new(&key, iv, size);
        let mut frame = Frame::clear(FrameBuffer::new(size), FrameTag { index: INDEX, ..FrameTag::default() });
        let mut expected = frame.parts_mut().text().to_vec();
        let clear = expected.clone();
        let blocks = (size.payload() + 32) as u128 / BLOCK_LENGTH as u128;
        let counter = u128::from_be_bytes(iv).wrapping_add(u128::from(INDEX) * blocks);
        plainly(&Aes256Enc::new(key.bytes().into()), counter, &mut expected);
        stage.seal(frame.parts_mut());
        assert!(frame.parts_mut().text() == expected);
        stage.open(frame.parts_mut()).unwrap();
        assert!(frame.parts_mut().text() == clear);
    }

    /// Every counter block encrypted by itself, the counter added in u128.
    fn plainly(cipher: &Aes256Enc, counter: u128, text: &mut [u8]) {
        for (at, chunk) in text.chunks_mut(BLOCK_LENGTH).enumerate() {
            let mut block = counter.wrapping_add(at as u128).to_be_bytes().into();
            cipher.encrypt_block(&mut block);
            chunk.iter_mut().zip(block).for_each(|(byte, key)| *byte ^= key);
        }
    }

    #[test]
    fn counters_carry_at_every_width_in_the_first_a_middle_and_the_last_block() {
        let cipher = Aes256Enc::new(&[3; 32].into());
        let length = FrameSize::MIN.payload() + 32;
        let blocks = (length / BLOCK_LENGTH) as u128;
        for width in [32, 64, 128] {
            let boundary = if width == 128 { 0 } else { 5 << 100 | 1u128 << width };
            for before in [0, 1, 2, blocks / 2, blocks - 1, blocks, blocks + 1] {
                let counter = boundary.wrapping_sub(before);
                let (mut fast, mut plain) = (vec![1; length], vec![1; length]);
                apply_keystream(&cipher, counter, &mut fast);
                plainly(&cipher, counter, &mut plain);
                assert!(fast == plain, "wrap at 2^{width}, {before} blocks into the frame");
            }
        }
    }
}
