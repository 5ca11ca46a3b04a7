//! Answers to the kernel's requests, from a tree.

use std::{
    ffi::OsStr,
    io,
    sync::{Arc, OnceLock},
};

use fuser::{
    Errno, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, InitFlags, KernelConfig, LockOwner,
    Notifier, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyOpen,
    ReplyStatfs, Request,
};

use super::{
    attributes::{BLOCK, shown_size},
    buffers::Buffers,
    content::Content,
    handles::Handles,
    inodes::Caching,
    large_reads::LargeReads,
    open_file::OpenFile,
    read_ahead::Decryptors,
    shown::{Shown, VALID},
};
use crate::share::tree::{Listing, Node, NodeId, Tree};

/// How many reads the system may have waiting, ahead of what programs ask for.
const WAITING_READS: u16 = 64;
const LONGEST_NAME: u32 = 255;
/// Bytes of decrypted frames that are kept: the system asks for part of a large frame at a time, and a few programs may
/// be reading different films.
const CACHED: usize = 64 << 20;

/// A tree that answers the system's requests.
pub(super) struct FileSystem {
    tree: Arc<Tree>,
    shown: Shown,
    files: Handles<OpenFile>,
    buffers: Arc<Buffers>,
    decryptors: Arc<Decryptors>,
    large_reads: LargeReads,
    folders: Handles<OpenFolder>,
    notifying: Notifying,
}

/// Notifies the kernel that something has changed, once it is listening.
#[derive(Clone, Default)]
pub(super) struct Notifying(Arc<OnceLock<Notifier>>);

/// A folder that is being listed, with what was in it when it was opened.
struct OpenFolder {
    listing: Arc<Listing>,
    entries: Vec<NodeId>,
}

impl Notifying {
    pub fn begin(&self, notifier: Notifier) {
        let _ = self.0.set(notifier);
    }

    /// Makes the kernel ask for the attributes of the file again.
    fn forget_attributes(&self, number: INodeNo) {
        if let Some(notifier) = self.0.get() {
            // Without an offset, cached bytes stay.
            let _ = notifier.inval_inode(number, -1, 0);
        }
    }
}

impl FileSystem {
    pub fn new(tree: Arc<Tree>) -> io::Result<(Self, Notifying)> {
        tree.cache_at_most(CACHED);
        let notifying = Notifying::default();
        let file_system = Self {
            shown: Shown::new(Arc::clone(&tree)),
            tree,
            files: Handles::new(),
            buffers: Arc::default(),
            decryptors: Arc::new(Decryptors::start()?),
            large_reads: LargeReads::default(),
            folders: Handles::new(),
            notifying: notifying.clone(),
        };
        Ok((file_system, notifying))
    }

    fn open_file(&self, number: INodeNo) -> Result<(FileHandle, FopenFlags), Errno> {
        let node = self.shown.inodes.node(number).ok_or(Errno::ESTALE)?;
        let listing = self.tree.listing();
        let file = listing.node(node).ok_or(Errno::ESTALE)?.file().ok_or(Errno::EISDIR)?;
        let stream = self.tree.open(file).map_err(|failure| errno(failure.errno()))?;
        let size = shown_size(&stream, file.claimed);
        let caching = self.shown.inodes.opened(node, &stream, size);
        let flags = match caching {
            Caching::Keep => FopenFlags::FOPEN_KEEP_CACHE,
            Caching::Begin => FopenFlags::empty(),
            Caching::Nothing => FopenFlags::FOPEN_DIRECT_IO,
            // The system then looks the name up again, and finds the new number.
            Caching::Replaced => return Err(Errno::ESTALE),
        };
        // Keeps an answer that was already on its way from deciding where the cached bytes end.
        if caching != Caching::Keep || file.claimed != Some(size) {
            self.notifying.forget_attributes(number);
        }
        let handle = self.files.open(OpenFile::new(Content::new(
            stream,
            caching != Caching::Nothing,
            Arc::clone(&self.buffers),
        )));
        Ok((handle, flags | FopenFlags::FOPEN_NOFLUSH))
    }

    fn open_folder(&self, number: INodeNo) -> Result<FileHandle, Errno> {
        let listing = self.tree.fresh_listing();
        let node = self.shown.inodes.node(number).filter(|node| listing.node(*node).is_some()).ok_or(Errno::ESTALE)?;
        let entries = listing.children(node).map(|child| child.id).collect();
        Ok(self.folders.open(OpenFolder { listing, entries }))
    }

    /// Calls `add` with each entry of an open folder after the first `offset`, with its offset and its name, until
    /// `add` returns that there is no more room.
    fn list(
        &self,
        number: INodeNo,
        handle: FileHandle,
        offset: u64,
        mut add: impl FnMut(&Node, u64, &OsStr) -> bool,
    ) -> Result<(), Errno> {
        let folder = self.folders.get(handle).ok_or(Errno::EBADF)?;
        let node = self.shown.inodes.node(number).and_then(|node| folder.listing.node(node)).ok_or(Errno::ESTALE)?;
        let parent = folder.listing.node(node.parent).unwrap_or(node);
        let themselves = [(node, OsStr::new(".")), (parent, OsStr::new(".."))];
        let children = folder.entries.iter().filter_map(|id| folder.listing.node(*id));
        let entries = themselves.into_iter().chain(children.map(|child| (child, child.name.as_os_str())));
        let skipped = usize::try_from(offset).unwrap_or(usize::MAX);
        for ((entry, name), next) in entries.skip(skipped).zip(offset + 1..) {
            if add(entry, next, name) {
                break;
            }
        }
        Ok(())
    }
}

impl Filesystem for FileSystem {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        let wanted = InitFlags::FUSE_DO_READDIRPLUS
            | InitFlags::FUSE_READDIRPLUS_AUTO
            | InitFlags::FUSE_PARALLEL_DIROPS
            | InitFlags::FUSE_ASYNC_DIO
            | InitFlags::FUSE_DIRECT_IO_ALLOW_MMAP;
        // An older kernel does without these.
        let _ = config.add_capabilities(wanted & config.capabilities());
        let _ = config.set_max_background(WAITING_READS);
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let listing = self.tree.fresh_listing();
        let Some(parent) = self.shown.inodes.node(parent) else { return reply.error(Errno::ESTALE) };
        match listing.child(parent, name) {
            Some(node) => match self.shown.attributes(node) {
                Ok(attributes) => reply.entry(&VALID, &attributes, Generation(0)),
                Err(error) => reply.error(errno(error)),
            },
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, number: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let listing = self.tree.fresh_listing();
        let node = self.shown.inodes.node(number).and_then(|node| listing.node(node));
        match node.ok_or(Errno::ESTALE).and_then(|node| self.shown.attributes(node).map_err(errno)) {
            Ok(attributes) if attributes.ino == number => reply.attr(&VALID, &attributes),
            // Opening it has shown that it is a different file.
            Ok(_) => reply.error(Errno::ESTALE),
            Err(error) => reply.error(error),
        }
    }

    fn open(&self, _: &Request, number: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.open_file(number) {
            Ok((handle, flags)) => reply.opened(handle, flags),
            Err(error) => reply.error(error),
        }
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let Some(file) = self.files.get(handle) else { return reply.error(Errno::EBADF) };
        // A program's own reads, which bypass the cache, come with an owner. Mapping, sendfile and splice fill the
        // cache.
        let for_cache = owner.is_none();
        let is_large = file.content().stream.has_large_frames();
        let decryptors = Arc::clone(&self.decryptors);
        let answer = move || match file.read(offset, size as usize, for_cache, &decryptors) {
            Ok(answer) => reply.data(answer.as_ref()),
            Err(error) => reply.error(errno(error)),
        };
        if is_large { self.large_reads.run(answer) } else { answer() }
    }

    fn release(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        self.files.close(handle);
        reply.ok();
    }

    fn opendir(&self, _: &Request, number: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.open_folder(number) {
            Ok(handle) => reply.opened(handle, FopenFlags::empty()),
            Err(error) => reply.error(error),
        }
    }

    fn readdir(&self, _: &Request, number: INodeNo, handle: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let listed = self.list(number, handle, offset, |node, next, name| {
            let kind = if node.file().is_some() { FileType::RegularFile } else { FileType::Directory };
            reply.add(self.shown.inodes.number(node.id), next, kind, name)
        });
        match listed {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(error),
        }
    }

    fn readdirplus(
        &self,
        _: &Request,
        number: INodeNo,
        handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        let listed = self.list(number, handle, offset, |node, next, name| {
            let (attributes, valid) = self.shown.attributes_at_once(node);
            reply.add(attributes.ino, next, name, &valid, &attributes, Generation(0))
        });
        match listed {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(error),
        }
    }

    fn releasedir(&self, _: &Request, _: INodeNo, handle: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        self.folders.close(handle);
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let listing = self.tree.listing();
        let files = listing.files();
        let bytes: u64 = files.iter().filter_map(|node| node.file()?.claimed).fold(0, u64::saturating_add);
        let blocks = bytes.div_ceil(u64::from(BLOCK));
        reply.statfs(blocks, 0, 0, files.len() as u64, 0, BLOCK, LONGEST_NAME, BLOCK);
    }
}

fn errno(error: rustix::io::Errno) -> Errno {
    Errno::from_i32(error.raw_os_error())
}
