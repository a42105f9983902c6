//! The reads of a process, in the file that it leaves for the test.

use std::fs;
use std::path::Path;

use crate::caches::Kind;
use crate::clock::Nanos;

/// One read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Read {
    /// The time just before the read began.
    pub(crate) at: Nanos,
    pub(crate) number: u32,
    pub(crate) key: u16,
    pub(crate) kind: Kind,
    /// Whether events were proven to arrive just before the read.
    pub(crate) live: bool,
    /// Whether the reader loaded the value. If not, it was cached, or another caller loaded it.
    pub(crate) loaded: bool,
    /// Whether the cache has served the entry although it was known to be down.
    pub(crate) while_down: bool,
}

const LENGTH: usize = 16;

impl Read {
    fn encode(self) -> [u8; LENGTH] {
        let flags =
            u8::from(self.live) | u8::from(self.loaded) << 1 | u8::from(self.while_down) << 2;
        let mut bytes = [0; LENGTH];
        bytes[..8].copy_from_slice(&self.at.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.number.to_le_bytes());
        bytes[12..14].copy_from_slice(&self.key.to_le_bytes());
        bytes[14..].copy_from_slice(&[self.kind as u8, flags]);
        bytes
    }

    fn decode(bytes: &[u8; LENGTH]) -> Self {
        let [words @ .., kind, flags] = *bytes;
        let word = |from: usize, length: usize| {
            let bytes = words[from..from + length].iter().rev();
            bytes.fold(0, |word: u64, byte| word << 8 | u64::from(*byte))
        };
        Self {
            at: word(0, 8),
            number: u32::try_from(word(8, 4)).expect("four bytes"),
            key: u16::try_from(word(12, 2)).expect("two bytes"),
            kind: Kind::ALL[usize::from(kind)],
            live: flags & 1 != 0,
            loaded: flags & 2 != 0,
            while_down: flags & 4 != 0,
        }
    }
}

pub(crate) fn save(path: &Path, reads: &[Read]) {
    let bytes: Vec<_> = reads.iter().flat_map(|read| read.encode()).collect();
    fs::write(path, bytes).expect("the folder can be written to");
}

pub(crate) fn load(path: &Path) -> Vec<Read> {
    let bytes = fs::read(path).expect("the process has saved it");
    let (reads, rest) = bytes.as_chunks();
    assert!(rest.is_empty(), "{}", path.display());
    reads.iter().map(Read::decode).collect()
}

#[test]
fn what_is_saved_is_loaded() {
    let folder = crate::source::Folder::create("log");
    let path = folder.path().join("reads");
    let read = |kind, live, loaded, while_down| Read {
        at: u64::MAX - 1,
        number: 7,
        key: 300,
        kind,
        live,
        loaded,
        while_down,
    };
    let reads = [
        read(Kind::Bypass, true, false, false),
        read(Kind::Redis, false, true, false),
        read(Kind::Bypass, false, false, true),
    ];
    save(&path, &reads);
    assert_eq!(load(&path), reads);
}
