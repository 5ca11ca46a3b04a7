//! Scanning the named paths: what is there, what it is called in the tree, and what the headers claim.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ffi::{OsStr, OsString},
    fs::{self, Metadata},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Attributes, Content, FileEntry, Listing, Node, NodeId, ROOT, TreeError,
    descriptors::Descriptors,
    entry::FileSource,
    fingerprint::Fingerprint,
    names::{Generated, Names},
    place::Place,
    recognition::Claims,
    recording_runs::{Run, runs},
};
#[cfg(target_os = "linux")]
use crate::share::mount_table::{TREE, mounts};

/// Scans the same paths repeatedly. The header of each file is read once.
pub(super) struct Scanner {
    roots: Vec<Root>,
    generated: Generated,
    ids: HashMap<PathBuf, NodeId>,
    known: HashMap<PathBuf, (Fingerprint, Option<Claims>)>,
    /// What the current scan has come across.
    met: HashMap<PathBuf, (Fingerprint, Option<Claims>)>,
    /// Folders where a tree is mounted. Looking into them could mean waiting for ourselves.
    mounts: HashSet<PathBuf>,
    descriptors: Arc<Descriptors>,
}

struct Root {
    place: Place,
    name: OsString,
    is_folder: bool,
}

/// A folder of the tree that is being read.
struct Reading<'a> {
    id: NodeId,
    /// Its path in the tree.
    path: &'a Path,
    names: Names,
    children: BTreeMap<OsString, NodeId>,
    listing: &'a mut Listing,
}

impl<'a> Reading<'a> {
    /// A folder in which nothing has been found yet.
    fn new(id: NodeId, path: &'a Path, names: Names, listing: &'a mut Listing) -> Self {
        Self { id, path, names, children: BTreeMap::new(), listing }
    }

    fn insert(&mut self, id: NodeId, name: OsString, attributes: Attributes, content: Content) {
        self.children.insert(name.clone(), id);
        self.listing.insert(Node { id, parent: self.id, name, attributes, content });
    }
}

impl Scanner {
    pub fn new(paths: &[PathBuf], generated: Generated, descriptors: Arc<Descriptors>) -> Result<Self, TreeError> {
        let roots = paths.iter().map(|path| Root::new(path)).collect::<Result<_, _>>()?;
        let ids = HashMap::from([(PathBuf::new(), ROOT)]);
        let (known, met, mounts) = Default::default();
        let mut scanner = Self { roots, generated, ids, known, met, mounts, descriptors };
        let empty = scanner.scan_roots().into_iter().find(|(_, found)| !found).map(|(index, _)| index);
        match empty.and_then(|index| scanner.roots.get(index)) {
            Some(root) if root.is_folder => Err(TreeError::Empty(root.place.path().to_owned())),
            Some(root) => Err(TreeError::NotAStream(root.place.path().to_owned())),
            None => Ok(scanner),
        }
    }

    /// The current state.
    pub fn scan(&mut self) -> Listing {
        let mut listing = Listing::default();
        let metadata = self.roots.first().and_then(|root| root.place.path().metadata().ok());
        let roots = self.begin();
        let root = Reading::new(ROOT, Path::new(""), Names::new(self.generated), &mut listing);
        let children = match roots.as_slice() {
            [Root { is_folder: true, place, .. }] => self.folder(place, root),
            several => self.several(several, root),
        };
        self.roots = roots;
        self.known = std::mem::take(&mut self.met);
        let mut attributes = metadata.as_ref().map_or_else(unknown_attributes, Attributes::of);
        // For a single file, we make up the root folder ourselves.
        attributes.mode |= 0o500 | ((attributes.mode & 0o444) >> 2);
        listing.insert(Node {
            id: ROOT,
            parent: ROOT,
            name: OsString::new(),
            attributes,
            content: Content::Folder(children),
        });
        listing
    }

    /// Takes the roots, which must be put back after the scan.
    fn begin(&mut self) -> Vec<Root> {
        let roots = std::mem::take(&mut self.roots);
        self.mounts = mounted_below(&roots, &self.descriptors);
        roots
    }

    /// Scans each named path, and returns whether there is a stream in it.
    fn scan_roots(&mut self) -> Vec<(usize, bool)> {
        let roots = self.begin();
        let found = roots
            .iter()
            .map(|root| {
                let mut listing = Listing::default();
                let within = Reading::new(ROOT, Path::new(""), Names::new(self.generated), &mut listing);
                !self.several(std::slice::from_ref(root), within).is_empty()
            })
            .collect::<Vec<_>>();
        // Ids are assigned by the first listing that anybody sees.
        self.ids = HashMap::from([(PathBuf::new(), ROOT)]);
        self.roots = roots;
        self.known = std::mem::take(&mut self.met);
        found.into_iter().enumerate().collect()
    }

    fn several(&mut self, roots: &[Root], mut within: Reading<'_>) -> BTreeMap<OsString, NodeId> {
        for root in roots {
            let Ok(metadata) = root.place.path().metadata() else { continue };
            if root.is_folder {
                let name = within.names.give(&root.name);
                self.add_folder(&root.place, &metadata, name, &mut within);
            } else if let Some(claims) = self.claims(&root.place, &metadata) {
                self.add_stream(root.place.clone(), &metadata, claims, &root.name, &mut within);
            }
        }
        within.children
    }

    /// What is in the folder at `place`; what cannot be read is left out.
    fn folder(&mut self, place: &Place, mut within: Reading<'_>) -> BTreeMap<OsString, NodeId> {
        let mut entries: Vec<_> = (self.descriptors.with_room(|| fs::read_dir(place.path())))
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let entry = entry.ok().filter(|entry| !self.mounts.contains(&entry.path()))?;
                // For a link, this is the metadata of the link itself.
                let metadata = entry.metadata().ok()?;
                (metadata.is_dir() || metadata.is_file()).then(|| (entry.file_name(), entry.path(), metadata))
            })
            .collect();
        entries.sort_by(|(one, ..), (other, ..)| Names::order(one).cmp(&Names::order(other)));
        let (folders, files): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(_, _, metadata)| metadata.is_dir());
        for (name, path, metadata) in folders {
            let name = within.names.give_own(&name);
            self.add_folder(&place.below(path), &metadata, name, &mut within);
        }
        let (mut segments, mut of_segments, mut last_streams) = (Vec::new(), HashMap::new(), Vec::new());
        for (own, path, metadata) in files {
            let place = place.below(path);
            let Some(claims) = self.claims(&place, &metadata) else { continue };
            if let Some(record) = claims.segment {
                of_segments.insert(place.clone(), metadata);
                segments.push((place, record));
                continue;
            }
            if within.names.comes_last(&own) {
                last_streams.push((place, metadata, claims, own));
                continue;
            }
            self.add_stream(place, &metadata, claims, &own, &mut within);
        }
        for Run { places, is_last } in runs(segments) {
            let (Some(first), Some(last)) = (places.first(), places.last()) else { continue };
            let own = first.path().file_name().unwrap_or_default();
            let (Some(oldest), Some(newest)) = (of_segments.get(first), of_segments.get(last)) else { continue };
            let source = FileSource::Recording(first.clone(), places.clone().into());
            let file = FileEntry { claimed: None, may_grow: is_last, source };
            let name = within.names.give_to_recording(own);
            self.add_file(file, oldest, newest, name, &mut within);
        }
        for (place, metadata, claims, own) in last_streams {
            self.add_stream(place, &metadata, claims, &own, &mut within);
        }
        within.children
    }

    /// Adds the folder at `place`, if there is a stream in it.
    fn add_folder(&mut self, place: &Place, metadata: &Metadata, name: OsString, within: &mut Reading<'_>) {
        let path = within.path.join(&name);
        let id = self.id(&path);
        let children = self.folder(place, Reading::new(id, &path, Names::new(self.generated), within.listing));
        if !children.is_empty() {
            within.insert(id, name, Attributes::of(metadata), Content::Folder(children));
        }
    }

    /// Adds the stream at `place`, as far as possible under the name `own`.
    fn add_stream(&mut self, place: Place, metadata: &Metadata, claims: Claims, own: &OsStr, within: &mut Reading<'_>) {
        let claimed = claims.length(metadata.len());
        let file = FileEntry { claimed, may_grow: false, source: FileSource::Stream(place) };
        let name = within.names.give(own);
        self.add_file(file, metadata, metadata, name, within);
    }

    /// Adds `file` as `name`, with the owner and permissions of `owner` and the times of `newest`.
    fn add_file(
        &mut self,
        file: FileEntry,
        owner: &Metadata,
        newest: &Metadata,
        name: OsString,
        within: &mut Reading<'_>,
    ) {
        let id = self.id(&within.path.join(&name));
        let Attributes { modified, accessed, changed, .. } = Attributes::of(newest);
        let attributes = Attributes { modified, accessed, changed, ..Attributes::of(owner) };
        within.insert(id, name, attributes, Content::File(file));
    }

    fn id(&mut self, path: &Path) -> NodeId {
        let next = ROOT + self.ids.len() as NodeId;
        *self.ids.entry(path.to_owned()).or_insert(next)
    }

    fn claims(&mut self, place: &Place, metadata: &Metadata) -> Option<Claims> {
        let fingerprint = Fingerprint::of(metadata);
        let known = self.known.get(place.path()).filter(|(known, claims)| {
            // A growing stream remains the same stream.
            (*known == fingerprint && !claims.is_some_and(|claims| claims.is_guess()))
                || (known.is_same_file(&fingerprint) && claims.is_some_and(|claims| claims.is_sound()))
        });
        let claims = known.map_or_else(|| Claims::read(place, &self.descriptors), |(_, claims)| *claims);
        self.met.insert(place.path().to_owned(), (fingerprint, claims));
        claims
    }
}

impl Root {
    fn new(path: &Path) -> Result<Self, TreeError> {
        let failed = |error| TreeError::Open { path: path.to_owned(), error };
        let metadata = path.metadata().map_err(failed)?;
        let is_folder = metadata.is_dir();
        if is_folder {
            fs::read_dir(path).map_err(failed)?;
        } else if metadata.is_file() {
            fs::File::open(path).map_err(failed)?;
        } else {
            return Err(TreeError::Special(path.to_owned()));
        }
        let name = path.file_name().map(OsStr::to_owned);
        let name = name.or_else(|| path.canonicalize().ok()?.file_name().map(OsStr::to_owned));
        Ok(Self { place: Place::named(path), name: name.unwrap_or_else(|| OsString::from("files")), is_folder })
    }
}

/// Where trees are mounted in the folders `roots`.
#[cfg(target_os = "linux")]
fn mounted_below(roots: &[Root], descriptors: &Descriptors) -> HashSet<PathBuf> {
    let mounts = descriptors.with_room(mounts).unwrap_or_default();
    let trees: Vec<_> = mounts.into_iter().filter(|mount| mount.kind == TREE).collect();
    let mut found = HashSet::new();
    // This is done only if there are any, since it takes time.
    if !trees.is_empty() {
        for path in roots.iter().filter(|root| root.is_folder).map(|root| root.place.path()) {
            let Ok(absolute) = path.canonicalize() else { continue };
            let below = trees.iter().filter_map(|tree| tree.place.strip_prefix(&absolute).ok());
            found.extend(below.map(|below| path.join(below)));
        }
    }
    found
}

#[cfg(not(target_os = "linux"))]
fn mounted_below(_: &[Root], _: &Descriptors) -> HashSet<PathBuf> {
    HashSet::new()
}

fn unknown_attributes() -> Attributes {
    let epoch = std::time::SystemTime::UNIX_EPOCH;
    Attributes { mode: 0o555, uid: 0, gid: 0, modified: epoch, accessed: epoch, changed: epoch }
}
