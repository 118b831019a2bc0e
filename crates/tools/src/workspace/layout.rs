//! Folders and files beneath a project, opened without following any link.
//!
//! Every step of a path is opened by itself, relative to the folder before it and
//! with `O_NOFOLLOW`, so it does not matter what somebody renames or links
//! meanwhile: what is open stays what it is. Nothing here knows quotas or tasks.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use cap_fs_ext::{DirExt, FollowSymlinks, MetadataExt, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, DirBuilder, File, OpenOptions};
#[cfg(unix)]
use cap_std::fs::{DirBuilderExt, OpenOptionsExt};

use super::error::FilesError;
use crate::path::RelativePath;

/// Folder of temporary files, on the same file system as their places.
pub const TEMPORARY: &str = "tmp";
/// Folder of published files.
pub const PUBLISHED: &str = "files";
/// Folder of the tasks' own writes.
pub const STAGING: &str = "staging";
/// Folder of the content store.
pub const CONTENT: &str = "blobs";

/// How often removing a tree is tried while somebody still writes into it.
const REMOVE_TRIES_MAX: u32 = 5;

/// How what is written is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Private, and synced before it is seen under its name.
    Synced,
    /// Private, and can be made again from the content store.
    Disposable,
    /// The user's own: his umask says who may read it.
    HandedOut,
}

impl Keep {
    #[cfg(unix)]
    fn mode(self, private: u32, shared: u32) -> u32 {
        match self {
            Self::Synced | Self::Disposable => private,
            Self::HandedOut => shared,
        }
    }
}

/// Opens a folder; a link in its place is an error.
pub fn open_dir(parent: &Dir, name: &str) -> Result<Dir, FilesError> {
    parent.open_dir_nofollow(name).map_err(|error| explain(parent, name, error))
}

/// Opens a folder and makes it first where there is none. Its name is not synced:
/// callers sync the folders above when they are done, also those that were there
/// already, for whoever made them may have died before he came to it.
pub fn make_dir(parent: &Dir, name: &str, keep: Keep) -> Result<Dir, FilesError> {
    match open_dir(parent, name) {
        Err(FilesError::NotFound(_)) => {}
        result => return result,
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    builder.mode(keep.mode(0o700, 0o777));
    match parent.create_dir_with(name, &builder) {
        Ok(()) => {}
        // Another task made it in this moment.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.into()),
    }
    open_dir(parent, name)
}

/// Opens the folder that holds `path`.
pub fn open_parent(root: &Dir, path: &RelativePath) -> Result<Dir, FilesError> {
    walk_to_parent(root, path, open_dir)
}

/// Opens the folder that holds `path`, making what is missing.
pub fn make_parent(root: &Dir, path: &RelativePath, keep: Keep) -> Result<Dir, FilesError> {
    walk_to_parent(root, path, |dir, name| make_dir(dir, name, keep))
}

fn walk_to_parent(
    root: &Dir,
    path: &RelativePath,
    step: impl Fn(&Dir, &str) -> Result<Dir, FilesError>,
) -> Result<Dir, FilesError> {
    let mut dir = root.try_clone()?;
    if let (Some(folders), _) = path.split() {
        for name in folders.split('/') {
            dir = step(&dir, name)?;
        }
    }
    Ok(dir)
}

/// Opens a regular file that has one name only. Anything else is refused without
/// waiting: a pipe would block, a device may act, and a second name may be that of
/// a file outside.
pub fn open_file(dir: &Dir, name: &str) -> Result<(File, u64), FilesError> {
    let (file, bytes, links) = open_regular(dir, name)?;
    if links != 1 {
        return Err(FilesError::PathNotAllowed("it has more than one name (a hard link)".to_owned()));
    }
    Ok((file, bytes))
}

/// Opens a regular file, however many names it has: for folders that the user
/// himself points at.
pub fn open_regular(dir: &Dir, name: &str) -> Result<(File, u64, u64), FilesError> {
    let found = dir.symlink_metadata(name).map_err(|error| explain(dir, name, error))?;
    if found.is_dir() {
        return Err(FilesError::WrongKind(format!("{name:?} is a folder")));
    }
    refuse_special(&found)?;
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No).nonblock(true);
    let file = dir.open_with(name, &options).map_err(|error| explain(dir, name, error))?;
    // Again, for it may have been swapped between the two.
    let opened = file.metadata()?;
    refuse_special(&opened)?;
    Ok((file, opened.len(), opened.nlink()))
}

fn refuse_special(metadata: &cap_std::fs::Metadata) -> Result<(), FilesError> {
    if metadata.is_symlink() {
        return Err(FilesError::PathNotAllowed("it is a link; links are never followed".to_owned()));
    }
    if !metadata.is_file() {
        return Err(FilesError::PathNotAllowed("it is not a regular file".to_owned()));
    }
    Ok(())
}

/// Reads at most `bytes_max`.
pub fn read_up_to(file: File, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    file.take(bytes_max).read_to_end(&mut content)?;
    Ok(content)
}

/// Writes `content` beside and renames it to its name, so that nobody ever sees
/// half of it. Replaces a regular file; anything else under this name is refused.
pub fn place(project: &Dir, dir: &Dir, name: &str, content: &[u8], keep: Keep) -> Result<(), FilesError> {
    refuse_occupied(dir, name)?;
    let temporary = make_dir(project, TEMPORARY, Keep::Disposable)?;
    write_beside(&temporary, content, keep, |from| temporary.rename(from, dir, name))
}

/// The same for a folder that is not ours: the temporary file lies beside.
pub fn hand_out(dir: &Dir, name: &str, content: &[u8]) -> Result<(), FilesError> {
    refuse_occupied(dir, name)?;
    write_beside(dir, content, Keep::HandedOut, |from| dir.rename(from, dir, name))
}

/// A link would not be followed by the renaming but replaced; it is refused all
/// the same, for whoever made it meant something.
fn refuse_occupied(dir: &Dir, name: &str) -> Result<(), FilesError> {
    match dir.symlink_metadata(name) {
        Ok(found) if found.is_dir() => Err(FilesError::NameConflict(format!("{name:?} is a folder"))),
        Ok(found) => refuse_special(&found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Writes a temporary file into `temporary` and gives its name to `finish`; what
/// that does not take is removed.
fn write_beside(
    temporary: &Dir,
    content: &[u8],
    keep: Keep,
    finish: impl FnOnce(&str) -> io::Result<()>,
) -> Result<(), FilesError> {
    let (name, mut file) = create_temporary(temporary, keep)?;
    let result = file
        .write_all(content)
        .and_then(|()| match keep {
            Keep::Synced => file.sync_all(),
            Keep::Disposable | Keep::HandedOut => Ok(()),
        })
        .and_then(|()| finish(&name));
    if let Err(error) = result {
        // Its failure says nothing new, and what stays is swept at the next start.
        let _ = temporary.remove_file(&name);
        return Err(error.into());
    }
    Ok(())
}

fn create_temporary(temporary: &Dir, keep: Keep) -> io::Result<(String, File)> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).follow(FollowSymlinks::No);
    #[cfg(unix)]
    options.mode(keep.mode(0o600, 0o666));
    loop {
        let name = temporary_name();
        match temporary.open_with(&name, &options) {
            // A process of the same number left it; the counter moves on.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result.map(|file| (name, file)),
        }
    }
}

/// A name that no other operation of this process uses.
pub fn temporary_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!(".orch-{}-{}.tmp", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Makes names in this folder survive a power cut.
pub fn sync_dir(dir: &Dir) -> io::Result<()> {
    dir.open(".")?.sync_all()
}

/// Removes whatever has this name, with everything beneath; fine if nothing has.
pub fn remove_tree(parent: &Dir, name: &str) -> Result<(), FilesError> {
    let mut tries = 0;
    loop {
        let result = match parent.symlink_metadata(name) {
            Ok(found) if found.is_dir() => parent.remove_dir_all(name),
            Ok(_) => parent.remove_file(name),
            Err(error) => Err(error),
        };
        tries += 1;
        match result {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            // Somebody put a file into it between looking and removing.
            Err(_) if tries < REMOVE_TRIES_MAX => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// What an error of opening `name` means. Links are told apart by looking, for
/// systems report them by different errors.
fn explain(parent: &Dir, name: &str, error: io::Error) -> FilesError {
    if error.kind() == io::ErrorKind::NotFound {
        return FilesError::NotFound(name.to_owned());
    }
    match parent.symlink_metadata(name) {
        Ok(found) if found.is_symlink() => {
            FilesError::PathNotAllowed(format!("{name:?} is a link; links are never followed"))
        }
        Ok(found) if !found.is_dir() && error.kind() == io::ErrorKind::NotADirectory => {
            FilesError::WrongKind(format!("{name:?} is not a folder"))
        }
        _ if error.kind() == io::ErrorKind::NotADirectory => {
            FilesError::PathNotAllowed(format!("{name:?} changed while it was opened"))
        }
        _ => error.into(),
    }
}
