//! Files in and out: a folder of the user's copied in before work begins, results
//! copied out, and published files listed and read for the user interface.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use domain::id::ProjectId;
use domain::tool::FileEntry;

use super::content::ContentHash;
use super::error::FilesError;
use super::layout::{self, Keep};
use super::walk::{Found, Identity, Walk};
use super::{ENTRIES_MAX, Inner, Known, ProjectFiles, if_there};
use crate::path::RelativePath;

/// A published file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedFile {
    /// Relative to the project's folder.
    pub path: String,
    /// Its size.
    pub bytes: u64,
}

/// A file that was not copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOutFile {
    /// Relative to the folder it is in.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Published now, sorted by path.
    pub entries: Vec<FileEntry>,
    /// Not taken.
    pub left_out: Vec<LeftOutFile>,
}

/// What an export did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Written now, sorted by path.
    pub files: Vec<PublishedFile>,
    /// Not written.
    pub left_out: Vec<LeftOutFile>,
}

impl ProjectFiles {
    /// All published files, sorted by path.
    ///
    /// # Errors
    /// What the file system answered.
    pub async fn list_published(&self, project: &ProjectId) -> Result<Vec<PublishedFile>, FilesError> {
        let project = project.clone();
        self.blocking(move |inner| inner.list_published(&project)).await
    }

    /// The content of a published file.
    ///
    /// # Errors
    /// A refused path, `NotFound`, or `QuotaExceeded` for a file that is too large
    /// to have come from here.
    pub async fn read_published(&self, project: &ProjectId, path: &str) -> Result<Vec<u8>, FilesError> {
        let (project, path) = (project.clone(), RelativePath::parse(path)?);
        self.blocking(move |inner| inner.read_published(&project, &path)).await
    }

    /// Copies the files of a folder into the project. Links, special files and
    /// names that are not allowed are left out and reported; a limit of the whole
    /// project refuses everything before anything is copied.
    ///
    /// # Errors
    /// `QuotaExceeded`, or what the file system answered.
    pub async fn import_dir(&self, project: &ProjectId, dir: &Path) -> Result<Imported, FilesError> {
        let (project, dir) = (project.clone(), dir.to_owned());
        self.blocking(move |inner| inner.import_dir(&project, &dir)).await
    }

    /// Copies all published files into a folder, which is made where it is missing.
    /// A link in the way is neither followed nor replaced but reported.
    ///
    /// # Errors
    /// What the file system answered.
    pub async fn export(&self, project: &ProjectId, dir: &Path) -> Result<Exported, FilesError> {
        let (project, dir): (ProjectId, PathBuf) = (project.clone(), dir.to_owned());
        self.blocking(move |inner| inner.export(&project, &dir)).await
    }
}

impl Inner {
    fn published(&self, project: &ProjectId) -> Result<Option<Dir>, FilesError> {
        if_there(self.project(project).and_then(|dir| layout::open_dir(&dir, layout::PUBLISHED)))
    }

    fn list_published(&self, project: &ProjectId) -> Result<Vec<PublishedFile>, FilesError> {
        let mut files = Vec::new();
        let Some(dir) = self.published(project)? else { return Ok(files) };
        let mut visit = |path: &str, found: Found| {
            if let Found::File(bytes) = found {
                files.push(PublishedFile { path: path.to_owned(), bytes });
            }
            Ok(())
        };
        Walk { entries_left: ENTRIES_MAX, except: None, visit: &mut visit }.run(&dir, "")?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    fn read_published(&self, project: &ProjectId, path: &RelativePath) -> Result<Vec<u8>, FilesError> {
        let missing = || FilesError::NotFound(path.to_string());
        let dir = self.published(project)?.ok_or_else(missing)?;
        let (file, bytes) = layout::open_parent(&dir, path)
            .and_then(|dir| layout::open_file(&dir, path.split().1))
            .map_err(|error| match error {
                FilesError::NotFound(_) => missing(),
                error => error,
            })?;
        if bytes > self.limits.file_bytes_max {
            return Err(too_large(bytes, self.limits.file_bytes_max));
        }
        Ok(layout::read_up_to(file, self.limits.file_bytes_max)?)
    }

    fn import_dir(&self, project: &ProjectId, dir: &Path) -> Result<Imported, FilesError> {
        let source = Dir::open_ambient_dir(dir, ambient_authority())?;
        if Identity::of(&source.dir_metadata()?) == self.data {
            return Err(FilesError::PathNotAllowed("it is the engine's own data folder".to_owned()));
        }
        let mut imported = Imported::default();
        let found = self.find_imports(&source, &mut imported.left_out)?;
        let target = self.make_project(project)?;
        let known = self.known(project, &target)?;
        let found = self.with_index(&known, &target, |index| {
            let mut admitted = BTreeMap::new();
            let (mut bytes, mut files) = (0u64, 0usize);
            for (path, (place, size)) in found {
                match index.check_name(&path) {
                    Ok(()) => {}
                    Err(error) => {
                        imported.left_out.push(LeftOutFile { path: place, reason: error.to_string() });
                        continue;
                    }
                }
                bytes = bytes.saturating_add(size);
                index.check_bytes(bytes, &self.limits)?;
                files += usize::from(!index.is_published(&path));
                index.check_more(files, &self.limits)?;
                admitted.insert(path, place);
            }
            Ok(admitted)
        })?;
        for (path, place) in found {
            match self.take_in(&known, &source, &target, &path, &place) {
                Ok(entry) => imported.entries.push(entry),
                Err(error @ FilesError::Io(_)) => {
                    known.forget_index();
                    return Err(error);
                }
                Err(error) => {
                    imported.left_out.push(LeftOutFile { path: place, reason: error.to_string() });
                }
            }
        }
        // The contents are new to the index, which counts them.
        known.forget_index();
        self.publish(project, &imported.entries)?;
        Ok(imported)
    }

    /// The files that may be taken: the place in the source and the size, by the
    /// path in the project. Names that collide among themselves: the first stays.
    fn find_imports(
        &self,
        source: &Dir,
        left_out: &mut Vec<LeftOutFile>,
    ) -> Result<BTreeMap<RelativePath, (String, u64)>, FilesError> {
        let mut found = BTreeMap::new();
        let mut names = super::index::Index::default();
        let file_bytes_max = self.limits.file_bytes_max;
        let mut visit = |place: &str, what: Found| {
            let admitted = match what {
                Found::LeftOut(reason) => Err(reason.to_owned()),
                Found::File(bytes) if bytes > file_bytes_max => {
                    Err(too_large(bytes, file_bytes_max).to_string())
                }
                Found::File(bytes) => RelativePath::parse(place)
                    .map_err(FilesError::from)
                    .and_then(|path| names.check_new(&path).map(|()| (path, bytes)))
                    .map_err(|error| error.to_string()),
            };
            match admitted {
                Ok((path, bytes)) => {
                    names.publish(path.as_str());
                    found.insert(path, (place.to_owned(), bytes));
                }
                Err(reason) => left_out.push(LeftOutFile { path: place.to_owned(), reason }),
            }
            Ok(())
        };
        Walk { entries_left: ENTRIES_MAX, except: Some(self.data), visit: &mut visit }.run(source, "")?;
        Ok(found)
    }

    fn take_in(
        &self,
        known: &Known,
        source: &Dir,
        project: &Dir,
        path: &RelativePath,
        place: &str,
    ) -> Result<FileEntry, FilesError> {
        let mut dir = source.try_clone()?;
        let mut names = place.split('/').peekable();
        let mut name = "";
        while let Some(next) = names.next() {
            if names.peek().is_some() {
                dir = layout::open_dir(&dir, next)?;
            } else {
                name = next;
            }
        }
        let (file, _, _) = layout::open_regular(&dir, name)?;
        // One byte more than allowed tells a file that grew meanwhile.
        let content = layout::read_up_to(file, self.limits.file_bytes_max.saturating_add(1))?;
        let bytes = content.len() as u64;
        if bytes > self.limits.file_bytes_max {
            return Err(too_large(bytes, self.limits.file_bytes_max));
        }
        let hash = ContentHash::of(&content);
        self.store(known, project, &hash, &content)?;
        Ok(FileEntry { path: path.to_string(), hash: hash.as_str().to_owned(), bytes })
    }

    fn export(&self, project: &ProjectId, dir: &Path) -> Result<Exported, FilesError> {
        Dir::create_ambient_dir_all(dir, ambient_authority())?;
        let target = Dir::open_ambient_dir(dir, ambient_authority())?;
        let mut exported = Exported::default();
        for file in self.list_published(project)? {
            match self.copy_out(project, &target, &file.path) {
                Ok(()) => exported.files.push(file),
                Err(error @ FilesError::Io(_)) => return Err(error),
                Err(error) => {
                    exported.left_out.push(LeftOutFile { path: file.path, reason: error.to_string() });
                }
            }
        }
        Ok(exported)
    }

    fn copy_out(&self, project: &ProjectId, target: &Dir, path: &str) -> Result<(), FilesError> {
        let path = RelativePath::parse(path)?;
        let content = self.read_published(project, &path)?;
        let mut dir = target.try_clone()?;
        if let (Some(folders), _) = path.split() {
            for name in folders.split('/') {
                dir = layout::make_dir(&dir, name, Keep::HandedOut)?;
            }
        }
        layout::hand_out(&dir, path.split().1, &content)
    }
}

fn too_large(bytes: u64, bytes_max: u64) -> FilesError {
    FilesError::QuotaExceeded(format!("a file may have {bytes_max} bytes, this one has {bytes}"))
}
