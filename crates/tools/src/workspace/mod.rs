//! The files of projects on the disk.
//!
//! ```text
//! <data>/projects/<project>/
//!   files/                     what tasks published
//!   staging/<task>/<fence>/    what a running task wrote, seen by it alone
//!   blobs/<2 hex>/<sha256>     every version of every file, once
//!   tmp/                       half-written files on their way to one of these
//! ```
//!
//! The journal is the truth, the content store keeps what it names, and the other
//! folders can be made again from both. So only the content store and the published
//! files are synced.
//!
//! *Two tasks that wrote one path*: the last published wins, and both versions stay
//! in the content store. Publishing again what a task wrote therefore puts its
//! version back: whoever recovers publishes in the order of the commits, and only
//! what was not marked as published.
//!
//! Nothing here follows a link, and nothing here decides what a task may do.

mod content;
mod error;
mod index;
mod layout;
mod limits;
mod publish;
mod scratch;
mod staging;
mod transfer;
mod walk;

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use domain::id::{ProjectId, TaskId};
use domain::ports::Workspaces;
use domain::tool::{FileEntry, ToolContext};

pub use error::FilesError;
pub use limits::FileLimits;
pub use scratch::{Scratch, TakenUp};
pub use staging::{Listed, Listing, ReadFile};
pub use transfer::{Exported, Imported, LeftOutFile, PublishedFile};

use content::ContentHash;
use index::{Holder, Index};
use layout::Keep;
use walk::{Identity, Walk};

/// Most files and folders that one look through a project meets.
const ENTRIES_MAX: usize = 200_000;
/// Longest id that names a folder.
const ID_BYTES_MAX: usize = 128;
/// Projects whose index is kept in memory while nobody works on them.
const IDLE_PROJECTS_MAX: usize = 64;

/// Access to the files of all projects below one data folder. Cloning is cheap.
#[derive(Clone)]
pub struct ProjectFiles(Arc<Inner>);

struct Inner {
    projects: Dir,
    /// The same as a path, for programs that are started on a copy.
    projects_path: PathBuf,
    /// The data folder, so that an import never takes the engine's own files.
    data: Identity,
    limits: FileLimits,
    known: Mutex<HashMap<ProjectId, Arc<Known>>>,
}

/// What is remembered of a project; see `index.rs`.
#[derive(Default)]
struct Known {
    index: Mutex<Option<Index>>,
    /// Held while files are published: one after the other within a project.
    publishing: Mutex<()>,
    is_swept: Mutex<bool>,
    /// Shelves of the content store whose names are known to be synced, up to the
    /// data folder: at most 256.
    synced_shelves: Mutex<HashSet<String>>,
}

impl ProjectFiles {
    /// Opens `<data>/projects`, making it where it is missing.
    ///
    /// # Errors
    /// What the file system answered.
    pub fn open(data: &Path, limits: FileLimits) -> io::Result<Self> {
        Dir::create_ambient_dir_all(data, ambient_authority())?;
        let projects_path = std::fs::canonicalize(data)?.join("projects");
        let data = Dir::open_ambient_dir(data, ambient_authority())?;
        let projects = layout::make_dir(&data, "projects", Keep::Disposable)?;
        layout::sync_dir(&data)?;
        let data = Identity::of(&data.dir_metadata()?);
        Ok(Self(Arc::new(Inner { projects, projects_path, data, limits, known: Mutex::default() })))
    }

    /// The limits it was opened with.
    #[must_use]
    pub fn limits(&self) -> FileLimits {
        self.0.limits
    }

    /// Runs work that waits for the disk where that is allowed.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, FilesError> + Send + 'static,
    ) -> Result<T, FilesError> {
        let inner = self.0.clone();
        match tokio::task::spawn_blocking(move || work(&inner)).await {
            Ok(result) => result,
            Err(error) => Err(io::Error::other(error).into()),
        }
    }
}

impl Inner {
    /// The project's folder; `NotFound` where nothing was ever written.
    fn project(&self, project: &ProjectId) -> Result<Dir, FilesError> {
        layout::open_dir(&self.projects, id_name(project.as_str())?)
    }

    fn make_project(&self, project: &ProjectId) -> Result<Dir, FilesError> {
        layout::make_dir(&self.projects, id_name(project.as_str())?, Keep::Disposable)
    }

    /// What is remembered of a project. Everything that writes asks for it first and
    /// keeps it to the end: the first to ask sweeps what a dead process left half
    /// written, at a time when nobody writes.
    fn known(&self, project: &ProjectId, dir: &Dir) -> Result<Arc<Known>, FilesError> {
        let known = {
            let mut known = lock(&self.known);
            if known.len() > IDLE_PROJECTS_MAX {
                known.retain(|_, known| Arc::strong_count(known) > 1);
            }
            known.entry(project.clone()).or_default().clone()
        };
        let mut is_swept = lock(&known.is_swept);
        if !*is_swept {
            layout::remove_tree(dir, layout::TEMPORARY)?;
            *is_swept = true;
        }
        drop(is_swept);
        Ok(known)
    }

    /// Puts a content into the store. It survives a power cut when this returns.
    fn store(
        &self,
        known: &Known,
        project: &Dir,
        hash: &ContentHash,
        content: &[u8],
    ) -> Result<(), FilesError> {
        content::put(project, hash, content)?;
        if !lock(&known.synced_shelves).contains(hash.shelf()) {
            content::sync_above(project)?;
            layout::sync_dir(&self.projects)?;
            lock(&known.synced_shelves).insert(hash.shelf().to_owned());
        }
        Ok(())
    }

    /// Works on the index, which is read from the disk when it is not there.
    fn with_index<T>(
        &self,
        known: &Known,
        dir: &Dir,
        work: impl FnOnce(&mut Index) -> Result<T, FilesError>,
    ) -> Result<T, FilesError> {
        let mut slot = lock(&known.index);
        let mut index = match slot.take() {
            Some(index) => index,
            None => load(dir)?,
        };
        let result = work(&mut index);
        *slot = Some(index);
        result
    }
}

impl Known {
    /// After a failure the disk alone knows what happened.
    fn forget_index(&self) {
        *lock(&self.index) = None;
    }
}

/// What a panic left behind is not used: whoever takes something out of a slot
/// puts it back only when it is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ids come from elsewhere and name folders: only plain text may.
fn id_name(id: &str) -> Result<&str, FilesError> {
    let is_plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if is_plain && !id.is_empty() && id.len() <= ID_BYTES_MAX {
        return Ok(id);
    }
    Err(FilesError::BadId(id.chars().take(ID_BYTES_MAX).collect()))
}

fn load(dir: &Dir) -> Result<Index, FilesError> {
    let mut index = Index::default();
    content::each(dir, &mut |hash, bytes| index.load_content(hash, bytes))?;
    if let Some(files) = if_there(layout::open_dir(dir, layout::PUBLISHED))? {
        each_file(&files, &mut |path| index.publish(path))?;
    }
    if let Some(staging) = if_there(layout::open_dir(dir, layout::STAGING))? {
        for (holder, dir) in holders(&staging)? {
            each_file(&dir, &mut |path| index.stage(&holder, path))?;
        }
    }
    Ok(index)
}

fn each_file(dir: &Dir, visit: &mut dyn FnMut(&str)) -> Result<(), FilesError> {
    let mut visit = |path: &str, found: walk::Found| {
        if let walk::Found::File(..) = found {
            visit(path);
        }
        Ok(())
    };
    Walk { entries_left: ENTRIES_MAX, except: None, visit: &mut visit }.run(dir, "")
}

/// The staging folders there are.
fn holders(staging: &Dir) -> Result<Vec<(Holder, Dir)>, FilesError> {
    let mut holders = Vec::new();
    for task in staging.entries()? {
        let task = task?.file_name();
        let Some(task) = task.to_str() else { continue };
        let Ok(fences) = layout::open_dir(staging, task) else { continue };
        for fence in fences.entries()? {
            let fence = fence?.file_name();
            let Some(fence) = fence.to_str() else { continue };
            let Ok(dir) = layout::open_dir(&fences, fence) else { continue };
            if let Ok(fence) = fence.parse() {
                holders.push(((TaskId::new(task), fence), dir));
            }
        }
    }
    Ok(holders)
}

/// `None` instead of `NotFound`.
fn if_there<T>(result: Result<T, FilesError>) -> Result<Option<T>, FilesError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(FilesError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

#[async_trait]
impl Workspaces for ProjectFiles {
    async fn rebuild(&self, task: &ToolContext, writes: &[FileEntry]) -> io::Result<()> {
        let (task, writes) = (task.clone(), writes.to_vec());
        Ok(self.blocking(move |inner| inner.rebuild(&task, &writes)).await?)
    }

    async fn publish(&self, project: &ProjectId, entries: &[FileEntry]) -> io::Result<()> {
        let (project, entries) = (project.clone(), entries.to_vec());
        Ok(self.blocking(move |inner| inner.publish(&project, &entries)).await?)
    }

    async fn discard(&self, project: &ProjectId, task: &TaskId) -> io::Result<()> {
        let (project, task) = (project.clone(), task.clone());
        Ok(self.blocking(move |inner| inner.discard(&project, &task)).await?)
    }

    async fn remove(&self, project: &ProjectId) -> io::Result<()> {
        let project = project.clone();
        Ok(self.blocking(move |inner| inner.remove(&project)).await?)
    }
}
