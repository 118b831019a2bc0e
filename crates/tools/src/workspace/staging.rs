//! What a running task does with files: it writes into its own staging folder and
//! reads its own writes first, then what is published.

use cap_std::fs::Dir;
use domain::tool::{FileEntry, ToolContext};

use super::content::ContentHash;
use super::error::FilesError;
use super::layout::{self, Keep};
use super::walk::{Found, Walk};
use super::{ENTRIES_MAX, Inner, ProjectFiles, id_name, if_there};
use crate::path::RelativePath;

/// What was read of a file.
#[derive(Debug, PartialEq, Eq)]
pub struct ReadFile {
    /// Its beginning, at most `FileLimits::file_bytes_max`.
    pub content: Vec<u8>,
    /// Size of the whole file.
    pub bytes: u64,
}

/// A file that a task sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Relative to the project's folder.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Whether the task wrote it itself and it is not published yet.
    pub is_staged: bool,
}

/// The files that a task sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Sorted by path.
    pub files: Vec<Listed>,
}

impl ProjectFiles {
    /// Writes a file for a task. The content is in the content store, synced, when
    /// this returns.
    ///
    /// # Errors
    /// A refused path, a name or limit that it runs into, or the file system's.
    pub async fn write(
        &self,
        task: &ToolContext,
        path: RelativePath,
        content: Vec<u8>,
    ) -> Result<FileEntry, FilesError> {
        let task = task.clone();
        self.blocking(move |inner| inner.write(&task, &path, &content)).await
    }

    /// Reads a file that a task sees.
    ///
    /// # Errors
    /// `NotFound`, `PathNotAllowed` for links and special files, or the file system's.
    pub async fn read(&self, task: &ToolContext, path: RelativePath) -> Result<ReadFile, FilesError> {
        let task = task.clone();
        self.blocking(move |inner| inner.read(&task, &path)).await
    }

    /// All files that a task sees, those beneath `folder` if one is given.
    ///
    /// # Errors
    /// What the file system answered.
    pub async fn list(
        &self,
        task: &ToolContext,
        folder: Option<RelativePath>,
    ) -> Result<Listing, FilesError> {
        let task = task.clone();
        self.blocking(move |inner| inner.list(&task, folder.as_ref())).await
    }
}

impl Inner {
    pub(super) fn write(
        &self,
        task: &ToolContext,
        path: &RelativePath,
        content: &[u8],
    ) -> Result<FileEntry, FilesError> {
        let bytes = content.len() as u64;
        if bytes > self.limits.file_bytes_max {
            return Err(FilesError::QuotaExceeded(format!(
                "a file may have {} bytes, this one has {bytes}",
                self.limits.file_bytes_max
            )));
        }
        id_name(task.task.as_str())?;
        let project = self.make_project(&task.project)?;
        let hash = ContentHash::of(content);
        let known = self.known(&task.project, &project)?;
        let holder = (task.task.clone(), task.fence);
        self.with_index(&known, &project, |index| index.reserve(&holder, path, &hash, bytes, &self.limits))?;
        let written = self.store(&known, &project, &hash, content).and_then(|()| {
            let staging = make_staging(&project, task)?;
            let dir = layout::make_parent(&staging, path, Keep::Disposable)?;
            layout::place(&project, &dir, path.split().1, content, Keep::Disposable)
        });
        if let Err(error) = written {
            known.forget_index();
            return Err(error);
        }
        Ok(FileEntry { path: path.to_string(), hash: hash.as_str().to_owned(), bytes })
    }

    pub(super) fn read(&self, task: &ToolContext, path: &RelativePath) -> Result<ReadFile, FilesError> {
        let missing = || FilesError::NotFound(path.to_string());
        let project = if_there(self.project(&task.project))?.ok_or_else(missing)?;
        for root in [open_staging(&project, task)?, if_there(layout::open_dir(&project, layout::PUBLISHED))?]
        {
            let Some(root) = root else { continue };
            let Some((file, bytes)) = find(&root, path)? else { continue };
            let content = layout::read_up_to(file, self.limits.file_bytes_max)?;
            return Ok(ReadFile { content, bytes });
        }
        Err(missing())
    }

    pub(super) fn list(
        &self,
        task: &ToolContext,
        folder: Option<&RelativePath>,
    ) -> Result<Listing, FilesError> {
        let mut files = std::collections::BTreeMap::new();
        let Some(project) = if_there(self.project(&task.project))? else { return Ok(Listing::default()) };
        let staging = open_staging(&project, task)?;
        let published = if_there(layout::open_dir(&project, layout::PUBLISHED))?;
        for (root, is_staged) in [(published, false), (staging, true)] {
            let Some(root) = root else { continue };
            let Some(start) = open_folder(&root, folder)? else { continue };
            let mut visit = |path: &str, found: Found| {
                // A name that no tool could open is not offered.
                if let (Found::File(bytes), Ok(_)) = (found, RelativePath::parse(path)) {
                    files.insert(path.to_owned(), Listed { path: path.to_owned(), bytes, is_staged });
                }
                Ok(())
            };
            let prefix = folder.map_or("", RelativePath::as_str);
            Walk { entries_left: ENTRIES_MAX, except: None, visit: &mut visit }.run(&start, prefix)?;
        }
        Ok(Listing { files: files.into_values().collect() })
    }
}

/// The task's staging folder, made where it is missing.
pub(super) fn make_staging(project: &Dir, task: &ToolContext) -> Result<Dir, FilesError> {
    let staging = layout::make_dir(project, layout::STAGING, Keep::Disposable)?;
    let fences = layout::make_dir(&staging, id_name(task.task.as_str())?, Keep::Disposable)?;
    layout::make_dir(&fences, &task.fence.to_string(), Keep::Disposable)
}

fn open_staging(project: &Dir, task: &ToolContext) -> Result<Option<Dir>, FilesError> {
    let task_name = id_name(task.task.as_str())?;
    let opened = layout::open_dir(project, layout::STAGING)
        .and_then(|staging| layout::open_dir(&staging, task_name))
        .and_then(|fences| layout::open_dir(&fences, &task.fence.to_string()));
    if_there(opened)
}

/// Opens a file in one of the folders; `None` where there is none.
fn find(root: &Dir, path: &RelativePath) -> Result<Option<(cap_std::fs::File, u64)>, FilesError> {
    let dir = match layout::open_parent(root, path) {
        // A file where a folder was meant: so there is nothing beneath it.
        Err(FilesError::NotFound(_) | FilesError::WrongKind(_)) => return Ok(None),
        result => result?,
    };
    if_there(layout::open_file(&dir, path.split().1))
}

/// Opens a folder; `None` where there is none, or a file.
fn open_folder(root: &Dir, folder: Option<&RelativePath>) -> Result<Option<Dir>, FilesError> {
    let Some(folder) = folder else { return Ok(Some(root.try_clone()?)) };
    let opened =
        layout::open_parent(root, folder).and_then(|parent| layout::open_dir(&parent, folder.split().1));
    match opened {
        Err(FilesError::WrongKind(_)) => Ok(None),
        result => if_there(result),
    }
}
