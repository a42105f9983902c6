//! The source of the cached values: a number for each key, which only grows.

use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process;

/// The number of groups of keys. The keys of a group share a prefix, by which an event can evict
/// them.
pub(crate) const GROUPS: usize = 8;
pub(crate) const KEYS: usize = GROUPS * IN_GROUP;
const IN_GROUP: usize = 16;

/// The bytes of a slot. It holds the number twice: if the halves differ, it was read during a
/// write.
const SLOT: usize = 16;

/// The keys, in their order.
pub(crate) fn keys() -> Vec<String> {
    let name = |index| format!("{}{:02}", prefix(index / IN_GROUP), index % IN_GROUP);
    (0..KEYS).map(name).collect()
}

/// What the keys of a group begin with.
pub(crate) fn prefix(group: usize) -> String {
    format!("{group:02}:")
}

/// The keys of a group.
pub(crate) fn group(group: usize) -> Range<usize> {
    group * IN_GROUP..(group + 1) * IN_GROUP
}

/// A folder for one test, which is removed when dropped.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Creates a folder. No other test may use this `name`.
    pub(crate) fn create(name: &str) -> Self {
        let folder = format!(
            "{}/coherence-{name}-{}",
            env!("CARGO_TARGET_TMPDIR"),
            process::id()
        );
        fs::create_dir_all(&folder).expect("the build folder can be written to");
        Self(folder.into())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that remains is in the build folder.
        drop(fs::remove_dir_all(&self.0));
    }
}

/// The numbers, in a file: every process reads the present ones, also while the server is down.
#[derive(Debug)]
pub(crate) struct Source(File);

impl Source {
    /// Creates the file. All numbers are zero.
    pub(crate) fn create(folder: &Path) -> Self {
        let file = File::create_new(Self::path(folder)).expect("the folder is new");
        let source = Self(file);
        source.write(0, &[0; KEYS]);
        source
    }

    /// Opens the file that another process has [created](Self::create).
    pub(crate) fn open(folder: &Path) -> Self {
        Self(File::open(Self::path(folder)).expect("it was created"))
    }

    fn path(folder: &Path) -> PathBuf {
        folder.join("numbers")
    }

    pub(crate) fn read(&self, key: usize) -> u64 {
        loop {
            let mut slot = [0; SLOT];
            let read = self.0.read_exact_at(&mut slot, (key * SLOT) as u64);
            read.expect("the file can be read");
            let number = u128::from_le_bytes(slot);
            let (high, low) = (number >> 64, number & u128::from(u64::MAX));
            if high == low {
                return u64::try_from(low).expect("it is one half");
            }
        }
    }

    /// Writes the numbers of `first` and the keys after it. One process at a time may write.
    pub(crate) fn write(&self, first: usize, numbers: &[u64]) {
        let slot = |&number: &u64| (u128::from(number) << 64 | u128::from(number)).to_le_bytes();
        let slots: Vec<_> = numbers.iter().flat_map(slot).collect();
        let written = self.0.write_all_at(&slots, (first * SLOT) as u64);
        written.expect("the file can be written");
    }
}
