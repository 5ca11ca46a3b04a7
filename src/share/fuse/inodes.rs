//! Inode numbers, and the sizes shown under them. The system caches bytes by number, and takes the size as the end of
//! what it has cached, so different content gets a different number.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use fuser::INodeNo;

use crate::share::tree::{Extent, NodeId, SharedStream};

/// The bits of a number that identify the node; the others count its contents.
const NODE_BITS: u32 = 40;

/// The numbers of the nodes that have been opened. All others have the node's own number.
#[derive(Default)]
pub(super) struct Inodes {
    known: Mutex<HashMap<NodeId, Known>>,
}

#[derive(Default)]
struct Known {
    /// How often the content was replaced.
    version: u64,
    /// The content that the system may have cached bytes of.
    cached: Option<Seen>,
    /// The size that was last shown.
    size: Option<u64>,
}

/// A content, as far as it had been written when it was opened.
struct Seen {
    etag: String,
    extent: Extent,
    is_whole: bool,
}

/// What the system may do with the bytes of a file that is being opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caching {
    /// Keep the bytes that it has cached.
    Keep,
    /// Start to cache.
    Begin,
    /// Pass on every read: the end may move, and reads there must fail. Mapped files, and data that the system itself
    /// moves, still go through its cache.
    Nothing,
    /// The content is no longer the one that this number stands for.
    Replaced,
}

impl Inodes {
    /// The number of `node` with its current content, as far as that is known.
    pub fn number(&self, node: NodeId) -> INodeNo {
        self.last_shown(node).0
    }

    /// The number of `node`, and the size that was last shown under it.
    pub fn last_shown(&self, node: NodeId) -> (INodeNo, Option<u64>) {
        let known = self.lock();
        let known = known.get(&node);
        (number(node, known.map_or(0, |known| known.version)), known.and_then(|known| known.size))
    }

    /// The node with this number, unless its content has changed since.
    pub fn node(&self, number: INodeNo) -> Option<NodeId> {
        let node = number.0 & ((1 << NODE_BITS) - 1);
        (self.number(node) == number).then_some(node)
    }

    /// Whether the system may have cached bytes of `node`; if so, its size must not be guessed.
    pub fn may_be_cached(&self, node: NodeId) -> bool {
        self.lock().get(&node).is_some_and(|known| known.cached.is_some())
    }

    /// Notes that the content of `node` is that of `stream`, with this `size`, and returns the number and the size that
    /// may be shown together.
    pub fn seen(&self, node: NodeId, stream: &SharedStream, size: u64) -> (INodeNo, u64) {
        let mut known = self.lock();
        let known = known.entry(node).or_default();
        match &mut known.cached {
            Some(seen) if seen.is_of(stream) => {
                if seen.advance(stream) {
                    known.size = Some(size);
                }
            }
            Some(_) => {
                known.replace();
                known.size = Some(size);
            }
            None => known.size = Some(size),
        }
        (number(node, known.version), known.size.unwrap_or(size))
    }

    /// Notes that the content of `node` is no longer available, and returns the number for the next.
    pub fn gone(&self, node: NodeId) -> INodeNo {
        let mut known = self.lock();
        let Some(known) = known.get_mut(&node) else { return number(node, 0) };
        if known.cached.is_some() {
            known.replace();
        }
        known.size = None;
        number(node, known.version)
    }

    /// Notes that `node` is opened, and has the content of `stream`, which is shown with this `size`.
    pub fn opened(&self, node: NodeId, stream: &SharedStream, size: u64) -> Caching {
        let mut known = self.lock();
        let known = known.entry(node).or_default();
        let caching = match &mut known.cached {
            Some(seen) if !seen.is_of(stream) => {
                known.replace();
                return Caching::Replaced;
            }
            Some(seen) => {
                let is_kept = seen.is_whole;
                if !seen.advance(stream) {
                    return Caching::Nothing;
                }
                if is_kept { Caching::Keep } else { Caching::Begin }
            }
            None => {
                known.cached = Some(Seen::of(stream));
                Caching::Begin
            }
        };
        known.size = Some(size);
        if stream.is_whole() { caching } else { Caching::Nothing }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<NodeId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn number(node: NodeId, version: u64) -> INodeNo {
    INodeNo(node | (version << NODE_BITS))
}

impl Known {
    fn replace(&mut self) {
        self.version += 1;
        self.cached = None;
        self.size = None;
    }
}

impl Seen {
    fn of(stream: &SharedStream) -> Self {
        Self { etag: stream.etag().to_owned(), extent: stream.extent().clone(), is_whole: stream.is_whole() }
    }

    /// Whether `stream` has this content, or a part of it, or more of it.
    fn is_of(&self, stream: &SharedStream) -> bool {
        self.etag == stream.etag() || !(self.is_whole && stream.is_whole()) && self.extent.agrees_with(stream.extent())
    }

    /// Takes over the content of `stream`, unless it was opened earlier and has less; returns whether it has at least
    /// as much.
    fn advance(&mut self, stream: &SharedStream) -> bool {
        if self.etag == stream.etag() {
            return true;
        }
        let is_later = !self.is_whole && (stream.is_whole() || stream.len() >= self.extent.end());
        if is_later {
            *self = Self::of(stream);
        }
        is_later
    }
}
