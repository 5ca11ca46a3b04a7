//! A stream that is being followed: its frames are delivered as they arrive.

use std::{
    fs::File,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
};

use super::Halt;
use crate::{
    cli::{
        job::delivery::Delivery,
        messages::{progress::FileProgress, stream_failure},
    },
    container::{SegmentRecord, TagFlags},
    files::label::Label,
    record::GrowingStream,
};

/// A stream that is being followed.
pub(super) struct Followed {
    pub path: PathBuf,
    pub label: Label,
    pub record: Option<SegmentRecord>,
    pub frames: GrowingStream<Arc<File>>,
    /// The flags of the final frame, once that has been delivered.
    pub end: Option<TagFlags>,
}

impl Followed {
    /// Delivers the frames that have arrived; returns whether there were any.
    pub fn deliver(&mut self, delivery: &Delivery<'_>, progress: &FileProgress<'_>) -> Result<bool, Halt> {
        let mut has_grown = false;
        while self.end.is_none() {
            let layout = self.frames.stream().header().layout();
            let next = self.frames.next_frame();
            let next = next.map_err(|error| {
                stream_failure::pipeline(&self.label, &Label::StandardOutput, delivery.is_direct(), layout, &error)
            })?;
            let Some(frame) = next else { break };
            delivery.deliver_bytes(frame.payload()).map_err(Halt::NotTaken)?;
            progress.delivered().fetch_add(frame.payload().len() as u64, Ordering::Relaxed);
            self.end = Some(frame.tag().flags).filter(|flags| flags.is_final());
            self.frames.give_back(frame);
            has_grown = true;
        }
        Ok(has_grown)
    }
}
