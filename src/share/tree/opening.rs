//! Opening the source files of a name: a stream, or all segments of a recording.

use std::{
    collections::HashMap,
    error::Error,
    fs::File,
    path::Path,
    sync::{Arc, Mutex},
};

use super::{
    Event, Listener, OpenFailure,
    descriptors::{Descriptors, SourceFile},
    entry::FileSource,
    fingerprint::Fingerprint,
    losses::Losses,
    memory::Memory,
    part::Part,
    place::Place,
    shared_stream::{End, SharedStream},
};
use crate::{
    container::Header,
    mutex::lock,
    record::{
        SegmentFacts,
        chain::{Break, continues},
    },
    stream::{DescriptorInput, OpenedStream, SealedFile, StreamError, StreamFile, StreamHeader},
};

/// Opens headers, with a secret that was obtained elsewhere.
pub(crate) trait Unlock: Send + Sync {
    /// Opens the `header` of the file at `path`. Called for one file at a time, since scrypt takes much memory.
    ///
    /// # Errors
    ///
    /// The failure to report; it is remembered until the file changes.
    fn unlock(
        &self,
        path: &Path,
        header: StreamHeader<DescriptorInput<File>>,
    ) -> Result<OpenedStream, Arc<dyn Error + Send + Sync>>;
}

/// Opens files, and holds what they share.
pub(super) struct Opener {
    unlock: Mutex<Box<dyn Unlock>>,
    listener: Arc<Listener>,
    descriptors: Arc<Descriptors>,
    memory: Arc<Memory>,
    losses: Arc<Losses>,
}

impl Opener {
    pub fn new(unlock: Box<dyn Unlock>, listener: Arc<Listener>, descriptors: Arc<Descriptors>) -> Self {
        let (memory, losses) = (Arc::default(), Arc::default());
        Self { unlock: Mutex::new(unlock), listener, descriptors, memory, losses }
    }

    #[cfg(feature = "mount")]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    pub fn losses(&self) -> &Losses {
        &self.losses
    }

    /// Opens `source`. Unchanged parts that were opened `before` are reused, as are the keys of a file that has grown.
    pub fn open(
        &self,
        source: &FileSource,
        before: Option<Arc<SharedStream>>,
    ) -> Result<Arc<SharedStream>, OpenFailure> {
        let opened = match source {
            FileSource::Stream(place) => self.stream(place, before.as_deref()),
            FileSource::Recording(_, places) => self.recording(places, before.as_deref()),
        };
        let (parts, end) = match opened {
            Ok(opened) => opened,
            Err((path, failure)) => {
                (self.listener)(Event::NotOpened { path: path.path(), failure: &failure });
                return Err(failure);
            }
        };
        // The end of a growing file is not reported each time.
        if !before.is_some_and(|before| before.end() == end) {
            self.report_end(&parts, &end);
        }
        let shared = (Arc::clone(&self.memory), Arc::clone(&self.losses));
        Ok(SharedStream::new(parts, end, shared, Arc::clone(&self.listener)))
    }

    fn stream(&self, place: &Place, before: Option<&SharedStream>) -> Result<(Vec<Part>, End), (Place, OpenFailure)> {
        let known = before.and_then(|before| before.parts().iter().find(|part| part.place() == place));
        let sealed = self.sealed(place, known).map_err(|failure| (place.clone(), failure))?;
        let end = if sealed.is_whole() { End::Whole } else { End::Unfinished };
        let length = sealed.len();
        Ok((vec![Part { start: 0, length, sealed, facts: None, cuts: Arc::default() }], end))
    }

    /// Opens one segment after another, as long as each continues the one before it.
    fn recording(
        &self,
        places: &[Place],
        before: Option<&SharedStream>,
    ) -> Result<(Vec<Part>, End), (Place, OpenFailure)> {
        let known: HashMap<_, _> =
            before.iter().flat_map(|before| before.parts()).map(|part| (part.place(), part)).collect();
        let (mut parts, mut start): (Vec<Part>, u64) = (Vec::new(), 0);
        for place in places {
            let known = known.get(place).copied();
            let about = |failure| (place.clone(), failure);
            let sealed = match self.sealed(place, known) {
                Ok(sealed) => sealed,
                // A segment that has just started may not have its whole header yet.
                Err(OpenFailure::Header(_)) if !parts.is_empty() && Some(place) == places.last() => {
                    return Ok((parts, End::Unfinished));
                }
                Err(failure) => return Err(about(failure)),
            };
            let record = sealed.header().segment().ok_or_else(|| about(OpenFailure::Replaced))?;
            let facts = SegmentFacts::read_up_to(record, sealed.stream(), sealed.last_frame());
            if let Some(last) = parts.last_mut()
                && let Err(why) = follows(last, &facts).map_err(about)?
            {
                // Everything that its recorder wrote to the previous segment is here.
                if why == Break::Unfinished {
                    let until = facts.record.offset.saturating_sub(last.offset_in_recording());
                    start -= last.length - last.length.min(until);
                    last.length = last.length.min(until);
                } else {
                    return Ok((parts, End::Broken(why)));
                }
            }
            let length = sealed.len();
            // The places where it was cut are not determined again.
            let known = known.filter(|known| known.sealed.header().prefix.encode() == sealed.header().prefix.encode());
            let cuts = known.map(|known| Arc::clone(&known.cuts)).unwrap_or_default();
            parts.push(Part { start, length, sealed, facts: Some(facts), cuts });
            start = start.saturating_add(length);
        }
        let end = match parts.last().and_then(|part| part.sealed.last_frame().filter(|_| part.sealed.is_whole())) {
            Some((last, _)) if last.flags.is_continued() => End::Continued,
            Some(_) => End::Whole,
            None => End::Unfinished,
        };
        Ok((parts, end))
    }

    /// Opens the stream at `place`; `known` is an earlier state of it, if there is one.
    fn sealed(&self, place: &Place, known: Option<&Part>) -> Result<Arc<SealedFile<SourceFile>>, OpenFailure> {
        let now = Fingerprint::of(&place.metadata()?);
        if let Some(known) = known
            && *known.fingerprint() == now
        {
            return Ok(Arc::clone(&known.sealed));
        }
        let file = self.descriptors.with_room(|| place.open()).map_err(OpenFailure::System)?;
        let copied = || self.descriptors.with_room(|| file.try_clone()).map_err(OpenFailure::System);
        let source = || -> Result<_, OpenFailure> {
            SourceFile::of(place.clone(), copied()?, &self.descriptors).map_err(OpenFailure::System)
        };
        if let Some(known) = known
            && known.fingerprint().is_same_file(&now)
            && let Some(sealed) =
                known.sealed.reopened(source()?).map_err(|error| failure_of(known.sealed.header(), error))?
        {
            return Ok(Arc::new(with_shared_cache(sealed)));
        }
        let input = DescriptorInput::new(copied()?).map_err(OpenFailure::System)?;
        let header = StreamHeader::read(input, Vec::new()).map_err(OpenFailure::Header)?;
        let stream = lock(&self.unlock).unlock(place.path(), header).map_err(OpenFailure::Locked)?;
        let source = source()?;
        let size = source.fingerprint().size();
        let layout = stream.header().layout();
        let sealed = SealedFile::of_unfinished(stream, StreamFile::new(source, size, 0, layout));
        Ok(Arc::new(with_shared_cache(sealed.map_err(|error| OpenFailure::Stream { layout, error })?)))
    }

    fn report_end(&self, parts: &[Part], end: &End) {
        let Some(last) = parts.last() else { return };
        let path = last.place().path();
        match end {
            End::Whole | End::Continued => {}
            End::Unfinished => (self.listener)(Event::Unfinished { path, length: last.sealed.len() }),
            End::Broken(why) => (self.listener)(Event::BrokenChain { path, why }),
        }
    }
}

/// Whether the segment with these facts continues that in `part`.
fn follows(part: &Part, next: &SegmentFacts) -> Result<Result<(), Break>, OpenFailure> {
    let Some(facts) = &part.facts else { return Ok(Err(Break::NotLinked)) };
    if part.sealed.is_whole() {
        return Ok(continues(facts, next));
    }
    // The last frame that its recorder knew of may be any of those here.
    let file = part.sealed.stream_file();
    let facts = SegmentFacts::of(facts.record, part.sealed.stream(), file, &[next.record.predecessor.frames])
        .map_err(|error| failure_of(part.sealed.header(), error))?;
    Ok(continues(&facts, next))
}

/// What is wrong with the stream that has this header.
fn failure_of(header: &Header, error: StreamError) -> OpenFailure {
    OpenFailure::Stream { layout: header.layout(), error }
}

fn with_shared_cache(sealed: SealedFile<SourceFile>) -> SealedFile<SourceFile> {
    let wire = sealed.header().prefix.frame_size.wire();
    sealed.with_cache_of(Memory::cache_of(wire))
}
