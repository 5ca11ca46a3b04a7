//! What programs see of a tree's nodes before they open them: a wrong size would cut off their reads.

use std::{sync::Arc, time::Duration};

use fuser::{FileAttr, INodeNo};
use rustix::io::Errno;

use super::{
    attributes::{of_file, of_folder, shown_size},
    inodes::Inodes,
};
use crate::share::tree::{FileEntry, Node, NodeId, OpenFailure, Tree};

/// How long the system may rely on an answer about a name or a file.
pub(super) const VALID: Duration = Duration::from_secs(1);

/// The attributes and numbers of nodes.
pub(super) struct Shown {
    tree: Arc<Tree>,
    pub inodes: Inodes,
}

impl Shown {
    pub fn new(tree: Arc<Tree>) -> Self {
        Self { tree, inodes: Inodes::default() }
    }

    /// The attributes of `node`. The file is opened for them if its header claims no length, or if the system may have
    /// cached bytes of it, since the size decides where those end.
    pub fn attributes(&self, node: &Node) -> Result<FileAttr, Errno> {
        let Some(file) = node.file() else { return Ok(of_folder(self.inodes.number(node.id), &node.attributes)) };
        let (number, size) = match file.claimed {
            Some(claimed) if self.is_unopened(node.id, file) => (self.inodes.number(node.id), claimed),
            _ => self.size(node.id, file)?,
        };
        Ok(of_file(number, &node.attributes, size))
    }

    /// The attributes of `node`, without waiting for another thread that is opening it, and how long they are valid.
    pub fn attributes_at_once(&self, node: &Node) -> (FileAttr, Duration) {
        let at_once = node.file().is_none_or(|file| match file.claimed {
            Some(_) => !self.inodes.may_be_cached(node.id) || self.tree.known(file).is_some(),
            None => self.tree.known(file).is_some(),
        });
        if at_once && let Ok(attributes) = self.attributes(node) {
            return (attributes, VALID);
        }
        // A wrong size would cut off a reader, so this guess may not be kept.
        let (number, last) = self.inodes.last_shown(node.id);
        let size = last.or_else(|| node.file()?.claimed).unwrap_or(0);
        (of_file(number, &node.attributes, size), Duration::ZERO)
    }

    /// Whether nobody has opened the file yet.
    fn is_unopened(&self, node: NodeId, file: &FileEntry) -> bool {
        !self.inodes.may_be_cached(node) && self.tree.known(file).is_none()
    }

    /// The number and the size of a file, which is opened to find them.
    fn size(&self, node: NodeId, file: &FileEntry) -> Result<(INodeNo, u64), Errno> {
        let failure = match self.tree.open(file) {
            Ok(stream) => return Ok(self.inodes.seen(node, &stream, shown_size(&stream, file.claimed))),
            Err(failure) => failure,
        };
        if failure.is_lasting() || matches!(*failure, OpenFailure::Replaced) {
            return Ok((self.inodes.gone(node), file.claimed.unwrap_or(0)));
        }
        let (number, last) = self.inodes.last_shown(node);
        match (last.or(file.claimed), failure.errno()) {
            (Some(size), _) => Ok((number, size)),
            (None, Errno::ACCESS | Errno::PERM) => Ok((number, 0)),
            (None, error) => Err(error),
        }
    }
}
