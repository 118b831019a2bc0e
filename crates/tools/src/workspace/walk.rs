//! Looking through a folder tree, in a stable order, without following links and
//! without end: depth and number of entries are bounded.

use cap_fs_ext::MetadataExt;
use cap_std::fs::{Dir, Metadata};

use super::error::FilesError;
use super::layout;
use crate::path::DEPTH_MAX;

/// What was found under a path.
pub enum Found {
    /// A regular file of this size.
    File(u64),
    /// Something that is left out, and why.
    LeftOut(&'static str),
}

/// A folder, told apart from all others on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    number: u64,
}

impl Identity {
    /// Of what this metadata describes.
    pub fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), number: metadata.ino() }
    }
}

/// A walk in progress.
pub struct Walk<'a> {
    /// How many more entries it may meet.
    pub entries_left: usize,
    /// A folder that is not entered.
    pub except: Option<Identity>,
    /// Gets the path relative to the start, and what is there.
    pub visit: &'a mut dyn FnMut(&str, Found) -> Result<(), FilesError>,
}

impl Walk<'_> {
    /// Visits everything beneath `dir`; `prefix` is put before every path.
    pub fn run(&mut self, dir: &Dir, prefix: &str) -> Result<(), FilesError> {
        self.enter(dir, prefix, 0)
    }

    fn enter(&mut self, dir: &Dir, prefix: &str, depth: usize) -> Result<(), FilesError> {
        let mut names = Vec::new();
        for entry in dir.entries()? {
            self.entries_left = self.entries_left.checked_sub(1).ok_or_else(|| {
                FilesError::QuotaExceeded("there are too many files and folders".to_owned())
            })?;
            names.push(entry?.file_name());
        }
        names.sort();
        for name in names {
            let path = if prefix.is_empty() {
                name.to_string_lossy().into_owned()
            } else {
                format!("{prefix}/{}", name.to_string_lossy())
            };
            let Some(name) = name.to_str() else {
                (self.visit)(&path, Found::LeftOut("its name is not UTF-8"))?;
                continue;
            };
            self.meet(dir, name, &path, depth)?;
        }
        Ok(())
    }

    fn meet(&mut self, dir: &Dir, name: &str, path: &str, depth: usize) -> Result<(), FilesError> {
        // Gone since the folder was read, or not to be looked at: nothing to visit.
        let Ok(metadata) = dir.symlink_metadata(name) else {
            return (self.visit)(path, Found::LeftOut("it cannot be looked at"));
        };
        if metadata.is_file() {
            return (self.visit)(path, Found::File(metadata.len()));
        }
        if metadata.is_symlink() {
            return (self.visit)(path, Found::LeftOut("it is a link"));
        }
        if !metadata.is_dir() {
            return (self.visit)(path, Found::LeftOut("it is not a regular file"));
        }
        if depth + 1 >= DEPTH_MAX {
            return (self.visit)(path, Found::LeftOut("it is nested too deep"));
        }
        if self.except == Some(Identity::of(&metadata)) {
            return (self.visit)(path, Found::LeftOut("it holds the engine's own data"));
        }
        match layout::open_dir(dir, name) {
            Ok(inner) => self.enter(&inner, path, depth + 1),
            Err(_) => (self.visit)(path, Found::LeftOut("it cannot be opened")),
        }
    }
}
