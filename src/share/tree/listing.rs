//! The state of the folders when they were last read.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsStr,
};

use super::{FileEntry, Node, NodeId, ROOT, entry::Content, place::Place};

/// The nodes of a tree. It never changes, but is replaced by a later one.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    nodes: HashMap<NodeId, Node>,
    /// The first file of each.
    sources: HashSet<Place>,
}

impl Listing {
    pub(super) fn insert(&mut self, node: Node) {
        if let Content::File(FileEntry { source, .. }) = &node.content {
            self.sources.insert(source.first().clone());
        }
        self.nodes.insert(node.id, node);
    }

    /// Whether `first` is the first of the files of some name.
    pub(super) fn has(&self, first: &Place) -> bool {
        self.sources.contains(first)
    }

    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(&id)
    }

    /// What is called `name` in the folder `parent`.
    pub fn child(&self, parent: NodeId, name: &OsStr) -> Option<&Node> {
        match &self.node(parent)?.content {
            Content::Folder(children) => self.node(*children.get(name)?),
            Content::File(_) => None,
        }
    }

    /// What is in the folder `parent`, by name.
    pub fn children(&self, parent: NodeId) -> impl Iterator<Item = &Node> {
        let children = self.node(parent).and_then(|node| match &node.content {
            Content::Folder(children) => Some(children.values()),
            Content::File(_) => None,
        });
        children.into_iter().flatten().filter_map(|id| self.node(*id))
    }

    /// The node at the path of these names from the root.
    pub fn find<'a>(&self, names: impl IntoIterator<Item = &'a OsStr>) -> Option<&Node> {
        names.into_iter().try_fold(self.node(ROOT)?, |node, name| self.child(node.id, name))
    }

    /// The path of names from the root to the node `id`.
    pub fn names_to(&self, id: NodeId) -> Vec<&OsStr> {
        let mut names = Vec::new();
        let mut next = self.node(id);
        while let Some(node) = next.filter(|node| node.id != ROOT) {
            names.push(node.name.as_os_str());
            next = self.node(node.parent);
        }
        names.reverse();
        names
    }

    /// All files, folder by folder, in the order of their names.
    pub fn files(&self) -> Vec<&Node> {
        let mut files = Vec::new();
        let mut folders = vec![ROOT];
        while let Some(folder) = folders.pop() {
            let (inner, here): (Vec<_>, Vec<_>) = self.children(folder).partition(|node| node.file().is_none());
            files.extend(here);
            folders.extend(inner.iter().rev().map(|node| node.id));
        }
        files
    }
}
