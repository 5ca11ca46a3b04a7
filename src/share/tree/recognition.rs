//! What the start of a file says about it, without any secret; none of it is authenticated.

use std::fs::File;

use crate::{
    container::{Features, Layout, SegmentRecord},
    files::walk::is_stream_of_folder,
    stream::{DescriptorInput, StreamHeader},
};

use super::{descriptors::Descriptors, place::Place};

/// What a stream's header claims.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Claims {
    /// The positions of frames, and whether the length follows from them; unknown if the header is damaged.
    layout: Option<Layout>,
    is_live: bool,
    /// Whether this is a guess, because the file could not be read at that moment.
    is_guess: bool,
    pub segment: Option<SegmentRecord>,
}

impl Claims {
    /// The claims of the stream at `place`; `None` if it is not a stream. A file with the name of a stream whose header
    /// is damaged or cannot be read claims nothing.
    pub fn read(place: &Place, descriptors: &Descriptors) -> Option<Self> {
        if !is_stream_of_folder(place.path()) {
            return None;
        }
        let Ok(file) = descriptors.with_room(|| place.open()) else {
            return Some(Self { is_guess: true, ..Self::default() });
        };
        Some(Self::of(&file).unwrap_or_default())
    }

    fn of(file: &File) -> Option<Self> {
        let header = StreamHeader::read(DescriptorInput::new(file).ok()?, Vec::new()).ok()?;
        let header = header.header();
        let is_live = header.prefix.features.contains(Features::LIVE);
        Some(Self { layout: Some(header.layout()), is_live, is_guess: false, segment: header.segment() })
    }

    /// Whether the header could be read.
    pub fn is_sound(&self) -> bool {
        self.layout.is_some()
    }

    /// Whether reading the same file again may give other claims.
    pub fn is_guess(&self) -> bool {
        self.is_guess
    }

    /// The length of the plaintext in a file of `size` bytes, if it follows from that.
    pub fn length(&self, size: u64) -> Option<u64> {
        let layout = self.layout.filter(|_| !self.is_live)?;
        let extent = layout.extent(size).ok()?;
        Some(layout.most_plaintext(extent))
    }
}
