//! Inode numbers. The system caches bytes by them, so different content gets a different number.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use fuser::INodeNo;

use crate::share::tree::{NodeId, SharedStream};

/// The bits of a number that are the node's; the rest counts contents.
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
    /// The etag of the content whose bytes the system may have cached.
    cached: Option<String>,
}

/// What the system may do with the bytes of a file that is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caching {
    /// Keep the bytes that it has cached.
    Keep,
    /// Start to cache.
    Begin,
    /// Cache nothing: the end may move, and reads there must fail.
    Nothing,
    /// The content is no longer the one with this number.
    Replaced,
}

impl Inodes {
    /// The number of `node` with the content that it has now, as far as that is known.
    pub fn number(&self, node: NodeId) -> INodeNo {
        let version = self.lock().get(&node).map_or(0, |known| known.version);
        INodeNo(node | (version << NODE_BITS))
    }

    /// The node with this number, unless its content has changed since.
    pub fn node(&self, number: INodeNo) -> Option<NodeId> {
        let node = number.0 & ((1 << NODE_BITS) - 1);
        (self.number(node) == number).then_some(node)
    }

    /// Notes that the content of `node` is that of `stream`, or is no longer available.
    pub fn seen(&self, node: NodeId, stream: Option<&SharedStream>) {
        let mut known = self.lock();
        let Some(known) = known.get_mut(&node) else { return };
        if known.cached.is_some() && known.cached.as_deref() != stream.map(SharedStream::etag) {
            known.replace();
        }
    }

    /// Notes that `node` is opened, and has the content of `stream`.
    pub fn opened(&self, node: NodeId, stream: &SharedStream) -> Caching {
        let mut known = self.lock();
        let known = known.entry(node).or_default();
        match &known.cached {
            Some(etag) if etag == stream.etag() => Caching::Keep,
            Some(_) => {
                known.replace();
                Caching::Replaced
            }
            None if stream.is_whole() => {
                known.cached = Some(stream.etag().to_owned());
                Caching::Begin
            }
            None => Caching::Nothing,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<NodeId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn replace(&mut self) {
        self.version += 1;
        self.cached = None;
    }
}
