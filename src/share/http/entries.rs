//! How a folder lists its files: on the page, for programs, and in playlists.

use std::ffi::OsStr;

use serde_json::{Value, json};

use super::{
    media_type::{MediaType, media_type},
    path::joined,
};
use crate::share::tree::{End, FileEntry, Listing, Node, NodeId, ROOT, Tree};

/// A file, with what is known about it without opening it.
pub(super) struct Entry {
    pub id: NodeId,
    pub name: String,
    /// Its address from the root of the tree.
    pub address: String,
    pub media_type: MediaType,
    pub is_recording: bool,
    /// The length, and whether it is authenticated.
    pub length: Option<(u64, bool)>,
    pub modified: u64,
    pub state: State,
}

/// The result of opening a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nobody has asked for it yet.
    NotOpened,
    /// The number of damaged frames that readers have met.
    Open {
        end: End,
        damaged_frames: usize,
    },
    Failed(String),
}

impl Entry {
    pub fn of(tree: &Tree, listing: &Listing, node: &Node, file: &FileEntry) -> Self {
        let (state, length) = match tree.known(file) {
            None => (State::NotOpened, file.claimed.map(|length| (length, false))),
            Some(Ok(stream)) => {
                let state = State::Open { end: stream.end(), damaged_frames: stream.damaged_frames() };
                (state, Some((stream.len(), true)))
            }
            Some(Err(failure)) => (State::Failed(failure.to_string()), file.claimed.map(|length| (length, false))),
        };
        Self {
            id: node.id,
            name: shown(&node.name),
            address: joined(listing.names_to(node.id)),
            media_type: media_type(&node.name),
            is_recording: file.is_recording(),
            length,
            modified: node.attributes.modified_seconds(),
            state,
        }
    }

    /// Why it may be incomplete, if that is known.
    pub fn damage(&self) -> Option<String> {
        match &self.state {
            State::NotOpened | State::Failed(_) => None,
            State::Open { damaged_frames: 1, .. } => Some("1 damaged frame".to_owned()),
            State::Open { damaged_frames, .. } if *damaged_frames > 0 => {
                Some(format!("{damaged_frames} damaged frames"))
            }
            State::Open { end, .. } => match end {
                End::Whole => None,
                End::Unfinished => Some("unfinished".to_owned()),
                End::Continued => Some("continues in a missing segment".to_owned()),
                End::Broken(why) => Some(format!("a segment {why}")),
            },
        }
    }

    /// Why it could not be opened, if that was tried.
    pub fn error(&self) -> Option<&str> {
        match &self.state {
            State::Failed(why) => Some(why),
            State::NotOpened | State::Open { .. } => None,
        }
    }

    fn to_json(&self, root: &str) -> Value {
        json!({
            "name": self.name,
            "url": format!("{root}{}", self.address),
            "type": self.media_type.name,
            "recording": self.is_recording,
            "length": self.length.map(|(length, _)| length),
            "length_verified": self.length.is_some_and(|(_, is_verified)| is_verified),
            "modified": self.modified,
            "opened": self.state != State::NotOpened,
            "damage": self.damage(),
            "error": self.error(),
        })
    }
}

/// The files in the folder `id` and, if requested, all below it.
pub(super) fn entries(tree: &Tree, listing: &Listing, id: NodeId, below: bool) -> Vec<Entry> {
    let mut found = Vec::new();
    for node in listing.children(id) {
        match node.file() {
            Some(file) => found.push(Entry::of(tree, listing, node, file)),
            None if below => found.extend(entries(tree, listing, node.id, true)),
            None => {}
        }
    }
    found
}

/// The folder `id`, for programs. `root` is the address of the tree's root.
pub(super) fn index(tree: &Tree, listing: &Listing, id: NodeId, root: &str) -> String {
    let folders: Vec<_> = listing
        .children(id)
        .filter(|node| node.file().is_none())
        .map(|node| {
            let address = joined(listing.names_to(node.id));
            json!({ "name": shown(&node.name), "url": format!("{root}{address}/") })
        })
        .collect();
    let files: Vec<_> = entries(tree, listing, id, false).iter().map(|entry| entry.to_json(root)).collect();
    format!("{:#}\n", json!({ "folders": folders, "files": files }))
}

/// A playlist of the folder `id` and all below it, for players. `root` is the whole address of the tree's root.
pub(super) fn playlist(tree: &Tree, listing: &Listing, id: NodeId, root: &str) -> String {
    let mut lines = String::from("#EXTM3U\n");
    let above = listing.names_to(id).len();
    for entry in entries(tree, listing, id, true).iter().filter(|entry| entry.media_type.kind.is_played()) {
        // Films in several folders may have one name. One entry per line.
        let path: Vec<_> = listing.names_to(entry.id).into_iter().skip(above).map(shown).collect();
        let title = path.join("/").replace(char::is_control, " ");
        lines.push_str(&format!("#EXTINF:-1,{title}\n{root}{}\n", entry.address));
    }
    lines
}

/// The whole addresses of what can be played; `root` is that of the tree's root.
pub(crate) fn addresses(tree: &Tree, root: &str) -> Vec<String> {
    let all = entries(tree, &tree.listing(), ROOT, true);
    let played = all.iter().filter(|entry| entry.media_type.kind.is_played() || all.len() == 1);
    played.map(|entry| format!("{root}{}", entry.address)).collect()
}

pub(super) fn shown(name: &OsStr) -> String {
    name.to_string_lossy().into_owned()
}
