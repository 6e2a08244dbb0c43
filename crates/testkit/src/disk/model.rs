//! What is on the disk, what is only in memory, and what a loss of power leaves.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use super::trace::{Record, What};
use crate::load::Random;

/// A disk writes a sector whole or not at all.
const SECTOR: usize = 512;

/// What becomes of changes that were not flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// All of them are lost.
    Everything,
    /// Some of them reached the disk, in any order, and some of those only in parts.
    Some,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    File(usize),
    Directory(usize),
}

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Arc<[u8]> },
    Truncate(usize),
}

#[derive(Clone, Debug, Default)]
struct File {
    durable: Arc<Vec<u8>>,
    seen: Arc<Vec<u8>>,
    pending: Vec<(u64, Change)>,
}

#[derive(Clone, Debug)]
enum Entry {
    Add { name: String, node: Node },
    Remove { name: String },
    Move { from: String, to: String, node: Node },
}

#[derive(Clone, Debug, Default)]
struct Directory {
    durable: BTreeMap<String, Node>,
    seen: BTreeMap<String, Node>,
    pending: Vec<(u64, Entry)>,
}

/// The state of a disk at one moment. The first directory is the root.
#[derive(Clone, Debug)]
pub struct Model {
    files: Vec<File>,
    directories: Vec<Directory>,
    inodes: HashMap<u64, Node>,
}

/// What is left after a loss of power: directories, and files with their bytes, below the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survivors {
    /// Paths of the directories, parents first.
    pub directories: Vec<String>,
    /// Files by their paths.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Model {
    /// What lies below `root`, all of it durable.
    pub(super) fn of(root: &Path) -> io::Result<Self> {
        let mut model = Self { files: Vec::new(), directories: Vec::new(), inodes: HashMap::new() };
        model.take_in(root)?;
        Ok(model)
    }

    fn take_in(&mut self, path: &Path) -> io::Result<usize> {
        let own = self.directories.len();
        self.directories.push(Directory::default());
        self.inodes.insert(std::fs::metadata(path)?.ino(), Node::Directory(own));
        let mut entries = BTreeMap::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let node = if entry.file_type()?.is_dir() {
                Node::Directory(self.take_in(&entry.path())?)
            } else {
                let bytes = Arc::new(std::fs::read(entry.path())?);
                let node = self.new_file(entry.metadata()?.ino());
                if let Node::File(at) = node {
                    let file = &mut self.files[at];
                    (file.durable, file.seen) = (Arc::clone(&bytes), bytes);
                }
                node
            };
            entries.insert(name, node);
        }
        let directory = &mut self.directories[own];
        (directory.durable, directory.seen) = (entries.clone(), entries);
        Ok(own)
    }

    /// Bytes in all files.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.seen.len() as u64).sum()
    }

    fn new_file(&mut self, inode: u64) -> Node {
        let node = Node::File(self.files.len());
        self.files.push(File::default());
        self.inodes.insert(inode, node);
        node
    }

    /// The directory a path is in, and its name there.
    fn place(&self, root: &Path, path: &str) -> io::Result<(usize, String)> {
        let unknown =
            || io::Error::other(format!("the record names {path}, which is not in a known directory"));
        let below = Path::new(path).strip_prefix(root).map_err(|_| unknown())?;
        let mut names = below.iter().map(|name| name.to_string_lossy().into_owned());
        let (mut at, mut name) = (0, names.next().ok_or_else(unknown)?);
        for next in names {
            match self.directories[at].seen.get(&name) {
                Some(Node::Directory(inner)) => at = *inner,
                _ => return Err(unknown()),
            }
            name = next;
        }
        Ok((at, name))
    }

    pub(super) fn apply(&mut self, root: &Path, record: &Record<'_>) -> io::Result<()> {
        let when = record.begins;
        match record.what {
            What::Create { inode, path } => {
                let (at, name) = self.place(root, path)?;
                let node = self.new_file(inode);
                self.directories[at].note(when, Entry::Add { name, node });
            }
            What::MakeDirectory { inode, path } => {
                let (at, name) = self.place(root, path)?;
                let node = Node::Directory(self.directories.len());
                self.directories.push(Directory::default());
                self.inodes.insert(inode, node);
                self.directories[at].note(when, Entry::Add { name, node });
            }
            What::Write { inode, offset, bytes } => {
                let offset = usize::try_from(offset).map_err(io::Error::other)?;
                self.change(inode, when, Change::Write { offset, bytes: bytes.into() })?;
            }
            What::Truncate { inode, length } => {
                let length = usize::try_from(length).map_err(io::Error::other)?;
                self.change(inode, when, Change::Truncate(length))?;
            }
            What::Flush { inode, covers, failed } => self.flush(inode, covers, failed)?,
            What::Rename { from, to } => self.rename(root, when, from, to)?,
            What::Link { from, to } => {
                let (old, name) = self.place(root, from)?;
                let node = self.directories[old].known(&name)?;
                let (at, name) = self.place(root, to)?;
                self.directories[at].note(when, Entry::Add { name, node });
            }
            What::Unlink { path } => {
                let (at, name) = self.place(root, path)?;
                self.directories[at].note(when, Entry::Remove { name });
            }
            What::Unknown { what } => {
                return Err(io::Error::other(format!(
                    "the server used {what}: teach recorder.c to record it"
                )));
            }
        }
        Ok(())
    }

    /// Whether this is a flush of something whose path below the root ends with `end`.
    pub(super) fn flushes(&self, record: &Record<'_>, end: &str) -> bool {
        let What::Flush { inode, .. } = record.what else { return false };
        let flushed = self.inodes.get(&inode);
        let mut waiting = vec![(String::new(), Node::Directory(0))];
        while let Some((path, node)) = waiting.pop() {
            if Some(&node) == flushed && path.ends_with(end) {
                return true;
            }
            if let Node::Directory(at) = node {
                let seen = self.directories[at].seen.iter();
                waiting.extend(seen.map(|(name, inner)| (format!("{path}/{name}"), *inner)));
            }
        }
        false
    }

    fn change(&mut self, inode: u64, when: u64, change: Change) -> io::Result<()> {
        let Some(Node::File(at)) = self.inodes.get(&inode) else {
            return Err(io::Error::other("the record tells of bytes in a file it has not named"));
        };
        let file = &mut self.files[*at];
        change.apply(Arc::make_mut(&mut file.seen));
        file.pending.push((when, change));
        Ok(())
    }

    fn flush(&mut self, inode: u64, covers: u64, failed: bool) -> io::Result<()> {
        match self.inodes.get(&inode) {
            Some(Node::File(at)) => {
                let file = &mut self.files[*at];
                let end = file.pending.partition_point(|(when, _)| *when < covers);
                for (_, change) in file.pending.drain(..end) {
                    if !failed {
                        change.apply(Arc::make_mut(&mut file.durable));
                    }
                }
            }
            Some(Node::Directory(at)) => {
                let directory = &mut self.directories[*at];
                let end = directory.pending.partition_point(|(when, _)| *when < covers);
                for (_, entry) in directory.pending.drain(..end) {
                    if !failed {
                        entry.apply(&mut directory.durable);
                    }
                }
            }
            None => {
                return Err(io::Error::other("the record tells of a flush of something it has not named"));
            }
        }
        Ok(())
    }

    fn rename(&mut self, root: &Path, when: u64, from: &str, to: &str) -> io::Result<()> {
        let ((old, from), (new, to)) = (self.place(root, from)?, self.place(root, to)?);
        let node = self.directories[old].known(&from)?;
        if old == new {
            self.directories[old].note(when, Entry::Move { from, to, node });
        } else {
            self.directories[old].note(when, Entry::Remove { name: from });
            self.directories[new].note(when, Entry::Add { name: to, node });
        }
        Ok(())
    }

    /// What a process sees that looks now: no power is lost.
    #[must_use]
    pub fn seen(&self) -> Survivors {
        self.walk(|file| file.seen.to_vec(), |directory| directory.seen.clone())
    }

    /// What is left when the power goes now.
    #[must_use]
    pub fn lose(&self, loss: Loss, random: &mut Random) -> Survivors {
        let mut of_files = random.fork();
        self.walk(|file| file.after(loss, &mut of_files), |directory| directory.after(loss, random))
    }

    fn walk(
        &self,
        mut bytes: impl FnMut(&File) -> Vec<u8>,
        mut entries: impl FnMut(&Directory) -> BTreeMap<String, Node>,
    ) -> Survivors {
        let mut left = Survivors::default();
        let mut waiting = vec![(String::new(), 0)];
        while let Some((path, at)) = waiting.pop() {
            for (name, node) in entries(&self.directories[at]) {
                let path = if path.is_empty() { name } else { format!("{path}/{name}") };
                match node {
                    Node::File(file) => {
                        left.files.insert(path, bytes(&self.files[file]));
                    }
                    Node::Directory(inner) => {
                        left.directories.push(path.clone());
                        waiting.push((path, inner));
                    }
                }
            }
        }
        left
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Truncate(length) => bytes.resize(*length, 0),
            Self::Write { offset, bytes: new } => {
                let end = offset + new.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(new);
            }
        }
    }

    /// Some sectors of a write; in between is what was there before, or nothing.
    fn apply_torn(&self, bytes: &mut Vec<u8>, random: &mut Random) {
        let Self::Write { offset, bytes: new } = self else { return self.apply(bytes) };
        let end = offset + new.len();
        let mut from = *offset;
        while from < end {
            let to = end.min((from / SECTOR + 1) * SECTOR);
            if random.once_in(2) {
                let part: Arc<[u8]> = new[from - offset..to - offset].into();
                Self::Write { offset: from, bytes: part }.apply(bytes);
            }
            from = to;
        }
    }
}

impl File {
    fn after(&self, loss: Loss, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.durable.to_vec();
        if loss == Loss::Everything {
            return bytes;
        }
        for (_, change) in &self.pending {
            match random.below(3) {
                0 => {}
                1 => change.apply(&mut bytes),
                _ => change.apply_torn(&mut bytes, random),
            }
        }
        bytes
    }
}

impl Entry {
    fn apply(&self, entries: &mut BTreeMap<String, Node>) {
        match self {
            Self::Add { name, node } => {
                entries.insert(name.clone(), *node);
            }
            Self::Remove { name } => {
                entries.remove(name);
            }
            Self::Move { from, to, node } => {
                // Where an earlier change of the old name was lost, somebody else may have it.
                if entries.get(from) == Some(node) {
                    entries.remove(from);
                }
                entries.insert(to.clone(), *node);
            }
        }
    }
}

impl Directory {
    fn note(&mut self, when: u64, entry: Entry) {
        entry.apply(&mut self.seen);
        self.pending.push((when, entry));
    }

    fn known(&self, name: &str) -> io::Result<Node> {
        let found = self.seen.get(name).copied();
        found.ok_or_else(|| {
            io::Error::other(format!("the record names {name}, which it has not told of before"))
        })
    }

    fn after(&self, loss: Loss, random: &mut Random) -> BTreeMap<String, Node> {
        let mut entries = self.durable.clone();
        if loss == Loss::Some {
            for (_, entry) in self.pending.iter().filter(|_| random.once_in(2)) {
                entry.apply(&mut entries);
            }
        }
        entries
    }
}

impl Survivors {
    /// What lies below `root` now, without SQLite's shared memory, which is made anew.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut found = Model::of(root)?.seen();
        found.files.retain(|path, _| !path.ends_with("-shm"));
        Ok(found)
    }

    /// Makes `root` hold exactly this, private to its owner.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, root: &Path) -> io::Result<()> {
        if root.exists() {
            std::fs::remove_dir_all(root)?;
        }
        let mut private = std::fs::DirBuilder::new();
        private.mode(0o700).create(root)?;
        for directory in &self.directories {
            private.create(root.join(directory))?;
        }
        for (path, bytes) in &self.files {
            let mut file =
                std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(root.join(path))?;
            io::Write::write_all(&mut file, bytes)?;
        }
        Ok(())
    }

    /// The paths in which this and `other` differ.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut paths: Vec<&String> = self.files.keys().chain(other.files.keys()).collect();
        paths.sort();
        paths.dedup();
        let mut different: Vec<String> = paths
            .into_iter()
            .filter(|path| self.files.get(*path) != other.files.get(*path))
            .cloned()
            .collect();
        let (mut one, mut two) = (self.directories.clone(), other.directories.clone());
        one.sort();
        two.sort();
        if one != two {
            different.push(format!("directories {one:?} and {two:?}"));
        }
        different
    }
}
