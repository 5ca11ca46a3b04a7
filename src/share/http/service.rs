//! What a request asks for, and the answer.

use std::{ffi::OsStr, net::SocketAddr, sync::Arc};

use hyper::{
    Method, Request, StatusCode,
    header::{ALLOW, CONTENT_SECURITY_POLICY, HeaderValue},
};

use super::{
    answer::{Answer, moved, refusal, text},
    body::Content,
    entries,
    file::file,
    hls,
    host::{self, HostError},
    load::Load,
    pace::Paces,
    page, path,
    requests::Requests,
    token::{Token, random_word},
};
use crate::share::tree::{Generated, Listing, Node, OpenFailure, SharedStream, Tree};

const INDEX: &str = "index.json";
const PLAYLIST: &str = "index.m3u";
const HLS: &str = ".m3u8";

/// The names of what is generated here in a tree.
pub(crate) const GENERATED: Generated = Generated { names: &[INDEX, PLAYLIST], suffix: Some(HLS) };

/// What answers requests.
pub(super) struct Service {
    pub tree: Arc<Tree>,
    pub token: Token,
    pub load: Load,
    pub paces: Paces,
    /// What others call this machine.
    pub name: Option<String>,
    pub requests: Requests,
}

/// What an address leads to.
enum Found<'a> {
    File(&'a Node),
    Folder(&'a Node),
    /// A folder whose address lacks the slash.
    FolderWithoutSlash,
    Index(&'a Node),
    Playlist(&'a Node),
    Hls(&'a Node),
}

impl Service {
    /// The answer to `request`, which came in at `local`. Reads files, and may wait for one that is being opened.
    pub fn answer<B>(&self, request: &Request<B>, local: SocketAddr) -> Answer {
        let answer = self.answer_in_full(request, local);
        match *request.method() {
            // The headers are those of GET.
            Method::HEAD => answer.map(|_| Content::empty()),
            _ => answer,
        }
    }

    fn answer_in_full<B>(&self, request: &Request<B>, local: SocketAddr) -> Answer {
        match host::check(request.uri(), request.version(), request.headers(), local, self.name.as_deref()) {
            Ok(()) => {}
            Err(HostError::Malformed) => return refusal(StatusCode::BAD_REQUEST, "the request must name one host"),
            Err(HostError::Foreign) => {
                return refusal(StatusCode::MISDIRECTED_REQUEST, "this server does not answer for that host");
            }
        }
        // Without the token, nothing can be learned, not even what a method would do.
        let Some(below) = self.below_token(request.uri().path()) else { return not_found() };
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refusal = refusal(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered");
            refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refusal;
        }
        self.requests.count();
        let root = format!("/{}/", self.token.reveal());
        let Some(below) = below else { return moved(&root) };
        let Some((names, is_folder)) = path::names(below) else { return not_found() };
        let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
        let mut listing = self.tree.listing();
        // A recording may have grown, and a folder may have new files.
        if !matches!(find(&listing, &names, is_folder), Some(Found::File(node)) if !is_recording(node)) {
            listing = self.tree.fresh_listing();
        }
        let whole_root = || format!("http://{local}{root}");
        match find(&listing, &names, is_folder) {
            None => not_found(),
            Some(Found::FolderWithoutSlash) => moved(&format!("{root}{}/", path::joined(names))),
            Some(Found::Folder(node)) => self.page(&listing, node, &root),
            Some(Found::Index(folder)) => {
                let index = entries::index(&self.tree, &listing, folder.id, &root);
                text(StatusCode::OK, "application/json", index)
            }
            Some(Found::Playlist(folder)) => {
                let playlist = entries::playlist(&self.tree, &listing, folder.id, &whole_root());
                text(StatusCode::OK, "audio/x-mpegurl; charset=utf-8", playlist)
            }
            Some(Found::Hls(node)) => match self.open(node) {
                Ok(stream) => {
                    let address = format!("{root}{}", path::joined(listing.names_to(node.id)));
                    let may_grow = node.file().is_some_and(|file| file.may_grow);
                    let playlist = hls::playlist(&stream, may_grow, node.attributes.modified, &address);
                    text(StatusCode::OK, "application/vnd.apple.mpegurl", playlist)
                }
                Err(failure) => failed(&failure),
            },
            Some(Found::File(node)) => match self.open(node) {
                Ok(stream) => {
                    let (method, headers) = (request.method(), request.headers());
                    let load = (self.load.clone(), self.paces.of(node.id));
                    file(method, headers, &node.name, node.attributes.modified, stream, load)
                }
                Err(failure) => failed(&failure),
            },
        }
    }

    /// What comes after the token in `path`, or nothing if only the slash is missing; `None` without the token.
    fn below_token<'a>(&self, path: &'a str) -> Option<Option<&'a str>> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let (word, below) = match path.split_once('/') {
            Some((word, below)) => (word, Some(below)),
            None => (path, None),
        };
        self.token.is(word).then_some(below)
    }

    fn open(&self, node: &Node) -> Result<Arc<SharedStream>, Arc<OpenFailure>> {
        match node.file() {
            Some(file) => self.tree.open(file),
            None => Err(Arc::new(OpenFailure::Replaced)),
        }
    }

    fn page(&self, listing: &Listing, folder: &Node, root: &str) -> Answer {
        let Ok(nonce) = random_word() else {
            return refusal(StatusCode::INTERNAL_SERVER_ERROR, "the system provides no random bytes");
        };
        let page = page::page(&self.tree, listing, folder.id, root, &nonce);
        let mut answer = text(StatusCode::OK, "text/html; charset=utf-8", page);
        if let Ok(policy) = HeaderValue::from_str(&page::policy(&nonce)) {
            answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
        }
        answer
    }
}

/// What `names` lead to. What is generated takes precedence over a stream of the same name, which could otherwise
/// impersonate it.
fn find<'a>(listing: &'a Listing, names: &[&OsStr], is_folder: bool) -> Option<Found<'a>> {
    if !is_folder && let Some(generated) = generated(listing, names) {
        return Some(generated);
    }
    match listing.find(names.iter().copied()) {
        Some(node) if node.file().is_some() => (!is_folder).then_some(Found::File(node)),
        Some(node) => Some(if is_folder { Found::Folder(node) } else { Found::FolderWithoutSlash }),
        None => None,
    }
}

/// What is generated for a folder or a recording, if these names lead to that.
fn generated<'a>(listing: &'a Listing, names: &[&OsStr]) -> Option<Found<'a>> {
    let (last, above) = names.split_last()?;
    let folder = listing.find(above.iter().copied()).filter(|node| node.file().is_none())?;
    match last.to_str() {
        Some(INDEX) => Some(Found::Index(folder)),
        Some(PLAYLIST) => Some(Found::Playlist(folder)),
        name => {
            let recording = listing.child(folder.id, OsStr::new(name?.strip_suffix(HLS)?))?;
            is_recording(recording).then_some(Found::Hls(recording))
        }
    }
}

fn is_recording(node: &Node) -> bool {
    node.file().is_some_and(|file| file.is_recording())
}

fn not_found() -> Answer {
    refusal(StatusCode::NOT_FOUND, "there is nothing here")
}

fn failed(failure: &OpenFailure) -> Answer {
    let status = match failure {
        OpenFailure::Replaced => StatusCode::NOT_FOUND,
        OpenFailure::Locked(_) => StatusCode::FORBIDDEN,
        OpenFailure::System(_) | OpenFailure::Header(_) | OpenFailure::Stream { .. } => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    refusal(status, &failure.to_string())
}
