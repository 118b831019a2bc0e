//! The content store: every version of every file once, under its SHA-256.
//!
//! What is in it never changes and is synced before anybody hears of it, so that a
//! journal which names a hash can always be replayed. Nothing is ever taken out of
//! it but with the whole project: both versions stay when two tasks wrote one path.

use std::fmt::Write as _;
use std::io;

use cap_std::fs::Dir;
use sha2::{Digest, Sha256};

use super::error::FilesError;
use super::layout::{self, CONTENT, Keep};

const HEX_LEN: usize = 64;

/// SHA-256 of a content as lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContentHash(String);

impl ContentHash {
    /// The hash of this content.
    pub fn of(content: &[u8]) -> Self {
        let mut hex = String::with_capacity(HEX_LEN);
        for byte in Sha256::digest(content) {
            // Writing into a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        Self(hex)
    }

    /// Takes text from a row or a file name.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hash = text.len() == HEX_LEN && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        is_hash.then(|| Self(text.to_owned()))
    }

    /// The hash as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder of the store that it is in.
    pub fn shelf(&self) -> &str {
        &self.0[..2]
    }
}

/// Stores a content and syncs it and its shelf. One that is there is not written
/// again. The folders above the shelf are the caller's: see [`sync_above`].
pub fn put(project: &Dir, hash: &ContentHash, content: &[u8]) -> Result<(), FilesError> {
    let store = layout::make_dir(project, CONTENT, Keep::Disposable)?;
    let shelf = layout::make_dir(&store, hash.shelf(), Keep::Disposable)?;
    if !is_intact(&shelf, hash, content.len() as u64) {
        layout::place(project, &shelf, hash.as_str(), content, Keep::Synced)?;
    }
    // Also when it was there: whoever wrote it may not have come to this line.
    layout::sync_dir(&shelf)?;
    Ok(())
}

/// Makes the names of all shelves survive a power cut.
pub fn sync_above(project: &Dir) -> Result<(), FilesError> {
    layout::sync_dir(&layout::open_dir(project, CONTENT)?)?;
    layout::sync_dir(project)?;
    Ok(())
}

/// Whether the stored file is this content. A damaged one is written again, since
/// the right content is at hand.
fn is_intact(shelf: &Dir, hash: &ContentHash, bytes: u64) -> bool {
    read(shelf, hash, bytes).is_ok()
}

/// Reads a content and checks it against its hash.
pub fn get(project: &Dir, hash: &ContentHash, bytes: u64) -> Result<Vec<u8>, FilesError> {
    let store = layout::open_dir(project, CONTENT)?;
    let shelf = layout::open_dir(&store, hash.shelf())?;
    read(&shelf, hash, bytes)
}

fn read(shelf: &Dir, hash: &ContentHash, bytes: u64) -> Result<Vec<u8>, FilesError> {
    let (file, found) = layout::open_file(shelf, hash.as_str())?;
    if found == bytes {
        let content = layout::read_up_to(file, bytes)?;
        if ContentHash::of(&content) == *hash {
            return Ok(content);
        }
    }
    Err(FilesError::Damaged(format!("the stored content {} is damaged", hash.as_str())))
}

/// Calls `visit` with the hash and size of everything in the store.
pub fn each(project: &Dir, visit: &mut dyn FnMut(ContentHash, u64)) -> Result<(), FilesError> {
    let store = match layout::open_dir(project, CONTENT) {
        Err(FilesError::NotFound(_)) => return Ok(()),
        result => result?,
    };
    for shelf in store.entries()? {
        let shelf_name = shelf?.file_name();
        let Some(Ok(shelf)) = shelf_name.to_str().map(|name| layout::open_dir(&store, name)) else {
            continue;
        };
        for entry in shelf.entries()? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(hash) = name.to_str().and_then(ContentHash::parse) else { continue };
            match entry.metadata() {
                Ok(metadata) => visit(hash, metadata.len()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}
