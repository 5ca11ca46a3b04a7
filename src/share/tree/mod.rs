//! A tree of streams as plain files: names first, and the stream of a name when it is opened.
//!
//! A [`Tree`] is made from files and folders. Its [`Listing`] comes from names, metadata and headers alone; no secret
//! is needed for it. [`Tree::open`] authenticates a stream's header and final frame, once for all who ask, and returns
//! a [`SharedStream`]. Secrets come from an [`Unlock`], since nothing here can prompt for one.

mod cuts;
mod descriptors;
mod entry;
mod event;
mod extent;
mod failure;
mod fingerprint;
mod listing;
mod losses;
mod memory;
mod names;
mod opening;
mod part;
mod piece;
mod place;
mod recognition;
mod recording_runs;
mod scan;
mod shared_stream;
#[cfg(test)]
pub(crate) mod testing;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};

#[cfg(feature = "serve")]
pub(crate) use cuts::PIECE_TIME;
pub(crate) use entry::{Attributes, Content, FileEntry, Node, NodeId, ROOT};
pub(crate) use event::{Event, Listener};
#[cfg(all(feature = "mount", target_os = "linux"))]
pub(crate) use extent::Extent;
pub(crate) use failure::{OpenFailure, ReadFailure, TreeError};
pub(crate) use listing::Listing;
#[cfg(any(feature = "serve", test))]
pub(crate) use losses::Loss;
pub(crate) use losses::Losses;
pub(crate) use names::Generated;
pub(crate) use opening::Unlock;
#[cfg(all(feature = "mount", target_os = "linux"))]
pub(crate) use piece::Piece;
#[cfg(any(feature = "serve", test))]
pub(crate) use shared_stream::End;
pub(crate) use shared_stream::SharedStream;

use crate::mutex::lock;
use descriptors::Descriptors;
use fingerprint::Fingerprint;
use opening::Opener;
use place::Place;
use scan::Scanner;

/// How old a listing may be and still count as fresh.
const FRESH: Duration = Duration::from_secs(1);

/// Names, and the streams that they stand for.
pub(crate) struct Tree {
    scanner: Mutex<(Scanner, Instant)>,
    listing: RwLock<Arc<Listing>>,
    opener: Opener,
    /// By the first file of each, so that a recording keeps its slot while it grows.
    slots: Mutex<HashMap<Place, Arc<Slot>>>,
}

/// The result of opening a file; locked while it is opened, so that it is opened once.
#[derive(Default)]
struct Slot(Mutex<Option<Opened>>);

struct Opened {
    /// Those of all source files.
    fingerprints: Vec<Fingerprint>,
    result: Result<Arc<SharedStream>, Arc<OpenFailure>>,
}

impl Tree {
    /// The tree of `paths`: the content of a single folder, or else each path under its last name. No stream gets a
    /// name of what is `generated`. `unlock` opens headers, and `listener` is notified of damage.
    ///
    /// # Errors
    ///
    /// [`TreeError`] of a path that was named. What cannot be read below a folder is left out.
    pub fn new(
        paths: &[PathBuf],
        generated: Generated,
        unlock: Box<dyn Unlock>,
        listener: impl Fn(Event<'_>) + Send + Sync + 'static,
    ) -> Result<Self, TreeError> {
        let descriptors = Arc::<Descriptors>::default();
        let mut scanner = Scanner::new(paths, generated, Arc::clone(&descriptors))?;
        let listing = RwLock::new(Arc::new(scanner.scan()));
        let opener = Opener::new(unlock, Arc::new(listener), descriptors);
        Ok(Self { scanner: Mutex::new((scanner, Instant::now())), listing, opener, slots: Mutex::default() })
    }

    /// The state of the folders when they were last read.
    pub fn listing(&self) -> Arc<Listing> {
        Arc::clone(&self.listing.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The current state, at most a second old. A node that persists keeps its id.
    pub fn fresh_listing(&self) -> Arc<Listing> {
        let mut scanner = lock(&self.scanner);
        let (scanner, scanned) = &mut *scanner;
        if scanned.elapsed() >= FRESH {
            let listing = Arc::new(scanner.scan());
            *scanned = Instant::now();
            lock(&self.slots).retain(|first, _| listing.has(first));
            *self.listing.write().unwrap_or_else(PoisonError::into_inner) = listing;
        }
        self.listing()
    }

    /// The stream of `file`, opened now or earlier. A failure is remembered until the file changes, unless it was a
    /// system error.
    ///
    /// # Errors
    ///
    /// [`OpenFailure`].
    pub fn open(&self, file: &FileEntry) -> Result<Arc<SharedStream>, Arc<OpenFailure>> {
        let slot = Arc::clone(lock(&self.slots).entry(file.source.first().clone()).or_default());
        let mut opened = lock(&slot.0);
        let fingerprints = file.source.fingerprints().map_err(Arc::new)?;
        if let Some(known) = opened.as_ref().filter(|known| known.fingerprints == fingerprints) {
            return known.result.clone();
        }
        let before = opened.take().and_then(|before| before.result.ok());
        let result = self.opener.open(&file.source, before).map_err(Arc::new);
        if result.as_ref().map_or_else(|failure| failure.is_lasting(), |_| true) {
            *opened = Some(Opened { fingerprints, result: result.clone() });
        }
        result
    }

    /// The result of opening `file`, if that was tried and the file has not been listed as changed since.
    pub fn known(&self, file: &FileEntry) -> Option<Result<Arc<SharedStream>, Arc<OpenFailure>>> {
        let slot = lock(&self.slots).get(file.source.first()).map(Arc::clone)?;
        // If it is being opened, the result is not known yet.
        let opened = slot.0.try_lock().ok()?;
        opened.as_ref().map(|opened| opened.result.clone())
    }

    /// Lets decrypted frames of all streams together take up to `bytes` of memory while nobody reads them.
    #[cfg(feature = "mount")]
    pub fn cache_at_most(&self, bytes: usize) {
        self.opener.memory().cache_at_most(bytes);
    }

    /// What readers have been unable to get so far.
    pub fn losses(&self) -> &Losses {
        self.opener.losses()
    }
}

#[cfg(test)]
mod tests;
