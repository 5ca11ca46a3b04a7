//! One frame and its buffer, with the frame's state in its type.

use std::marker::PhantomData;

use zeroize::Zeroize;

use super::frame_memory::FrameMemory;
use crate::container::{FRAME_OVERHEAD, FrameSize, FrameTag, MAC_LENGTH, TAG_LENGTH};

/// Room for one frame on the wire: tag, payload and MAC. Recycled from frame to frame, and wiped when it is dropped.
pub struct FrameBuffer {
    bytes: FrameMemory,
    frame_size: FrameSize,
}

impl FrameBuffer {
    /// A buffer for frames of `frame_size`; the one allocation that a frame needs.
    pub fn new(frame_size: FrameSize) -> Self {
        Self { bytes: FrameMemory::new(frame_size.wire()), frame_size }
    }

    /// Overwrites all of it with zeros.
    pub fn wipe(&mut self) {
        self.bytes.zeroize();
    }

    /// The area where a source of plaintext puts up to P payload bytes.
    pub fn payload_area(&mut self) -> &mut [u8] {
        let payload = self.frame_size.payload();
        &mut self.bytes[TAG_LENGTH..TAG_LENGTH + payload]
    }

    /// The area where a source of ciphertext puts up to W bytes.
    pub fn wire_area(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for FrameBuffer {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// A frame of plaintext, to be sealed.
#[derive(Debug)]
pub enum Clear {}
/// A frame that the chain has sealed.
#[derive(Debug)]
pub enum Sealed {}
/// A frame as it was read from a stream; nothing about it has been verified.
#[derive(Debug)]
pub enum Received {}
/// A frame that the chain has authenticated and opened; only the chain makes one.
#[derive(Debug)]
pub enum Verified {}

/// A frame in state `S`.
pub struct Frame<S> {
    pub(super) parts: FrameParts,
    state: PhantomData<S>,
}

/// What a stage sees of a frame.
pub struct FrameParts {
    index: u64,
    /// The tag's fields: what the source knows when sealing, and what the tag stage read when opening.
    pub(super) tag: FrameTag,
    buffer: FrameBuffer,
    text_length: usize,
}

impl FrameParts {
    /// The frame's place in the stream.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The frame's tag. When opening, it is known only to the stages that come before the tagging in sealing order.
    pub fn tag(&self) -> &FrameTag {
        &self.tag
    }

    /// The payload, without its padding.
    pub fn payload(&self) -> &[u8] {
        let end = self.payload_end();
        &self.buffer.bytes[TAG_LENGTH..end]
    }

    /// The payload, without its padding.
    pub fn payload_mut(&mut self) -> &mut [u8] {
        let end = self.payload_end();
        &mut self.buffer.bytes[TAG_LENGTH..end]
    }

    /// Tag and payload field: what is encrypted and authenticated.
    pub fn text(&self) -> &[u8] {
        &self.buffer.bytes[..self.text_length]
    }

    /// Tag and payload field: what is encrypted and authenticated. In a private stage the tag's bytes mean nothing,
    /// because tagging comes later when sealing.
    pub fn text_mut(&mut self) -> &mut [u8] {
        &mut self.buffer.bytes[..self.text_length]
    }

    /// The MAC, which follows the payload field.
    pub fn mac(&self) -> &[u8] {
        &self.buffer.bytes[self.text_length..self.text_length + MAC_LENGTH]
    }

    /// The MAC, which follows the payload field.
    pub fn mac_mut(&mut self) -> &mut [u8] {
        &mut self.buffer.bytes[self.text_length..self.text_length + MAC_LENGTH]
    }

    /// Whether the frame takes W bytes on the wire.
    pub fn is_full(&self) -> bool {
        self.text_length == TAG_LENGTH + self.buffer.frame_size.payload()
    }

    /// Bytes of the payload field: P in a full frame.
    pub fn payload_field_length(&self) -> usize {
        self.text_length - TAG_LENGTH
    }

    /// P, the payload bytes of a full frame.
    pub fn full_payload(&self) -> usize {
        self.buffer.frame_size.payload()
    }

    /// The bytes of the payload field after the payload.
    pub fn padding(&self) -> &[u8] {
        &self.buffer.bytes[self.payload_end()..self.text_length]
    }

    /// Takes only the first `wire_length` bytes for the frame; does nothing and returns `false` if no shorter frame has
    /// that length.
    pub(super) fn shorten(&mut self, wire_length: usize) -> bool {
        let is_shorter = (FRAME_OVERHEAD..self.text_length + MAC_LENGTH).contains(&wire_length);
        if is_shorter {
            self.text_length = wire_length - MAC_LENGTH;
        }
        is_shorter
    }

    // A tag's length is untrusted until the tagging stage has checked it: cap it at the payload field.
    fn payload_end(&self) -> usize {
        TAG_LENGTH + (self.tag.length as usize).min(self.payload_field_length())
    }
}

impl<S> Frame<S> {
    /// The frame's place in the stream.
    pub fn index(&self) -> u64 {
        self.parts.index
    }

    /// Bytes of the frame on the wire, 64..=W.
    pub fn wire_length(&self) -> usize {
        self.parts.text_length + MAC_LENGTH
    }

    /// The buffer, for another frame.
    pub fn into_buffer(self) -> FrameBuffer {
        self.parts.buffer
    }

    pub(super) fn from_parts(parts: FrameParts) -> Self {
        Self { parts, state: PhantomData }
    }
}

impl Frame<Clear> {
    /// The frame of plaintext in the payload area of `buffer`, as `tag` describes it. A length over P counts as P. In a
    /// frame that is not final, the room after a shorter payload is filled with zeros.
    pub fn clear(mut buffer: FrameBuffer, mut tag: FrameTag) -> Self {
        let payload = buffer.frame_size.payload();
        let length = (tag.length as usize).min(payload);
        tag.length = length as u32;
        let field = if tag.flags.is_final() { length } else { payload };
        buffer.bytes[TAG_LENGTH + length..TAG_LENGTH + field].fill(0);
        let text_length = TAG_LENGTH + field;
        Self::from_parts(FrameParts { index: tag.index, tag, buffer, text_length })
    }

    /// What a single stage works on, for testing a stage without a chain. Only the chain makes a sealed frame.
    pub fn parts_mut(&mut self) -> &mut FrameParts {
        &mut self.parts
    }
}

impl Frame<Received> {
    /// The frame in the first `wire_length` bytes of `buffer`, expected at `index`; `None` if no frame has that length.
    pub fn received(buffer: FrameBuffer, index: u64, wire_length: usize) -> Option<Self> {
        if !(FRAME_OVERHEAD..=buffer.frame_size.wire()).contains(&wire_length) {
            return None;
        }
        let text_length = wire_length - MAC_LENGTH;
        Some(Self::from_parts(FrameParts { index, tag: FrameTag::default(), buffer, text_length }))
    }
}

impl Frame<Sealed> {
    /// The tag, as it was before it was encrypted.
    pub fn tag(&self) -> &FrameTag {
        &self.parts.tag
    }

    /// The MAC.
    pub fn mac(&self) -> [u8; MAC_LENGTH] {
        let mut mac = [0; MAC_LENGTH];
        mac.copy_from_slice(self.parts.mac());
        mac
    }

    /// The frame on the wire.
    pub fn wire(&self) -> &[u8] {
        &self.parts.buffer.bytes[..self.parts.text_length + MAC_LENGTH]
    }
}

impl Frame<Verified> {
    /// The MAC that was verified.
    pub fn mac(&self) -> [u8; MAC_LENGTH] {
        let mut mac = [0; MAC_LENGTH];
        mac.copy_from_slice(self.parts.mac());
        mac
    }

    /// The authenticated tag.
    pub fn tag(&self) -> &FrameTag {
        &self.parts.tag
    }

    /// The authenticated payload.
    pub fn payload(&self) -> &[u8] {
        self.parts.payload()
    }
}
