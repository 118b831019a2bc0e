//! A copy of what a task sees, for a program that may do with it what it likes.
//!
//! The program never has the staging folder itself: links, odd names, too many or
//! too large files stay in the copy. What is fit to be a file of the task is written
//! like everything else it writes, by the same rules and limits; the rest is named
//! and thrown away. A program that is stopped half-way has changed nothing.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use cap_std::fs::Dir;
use domain::tool::{FileEntry, ToolContext};

use super::content::ContentHash;
use super::error::FilesError;
use super::layout::{self, Keep};
use super::walk::{Found, Walk};
use super::{ENTRIES_MAX, Inner, ProjectFiles, id_name};
use crate::path::RelativePath;

/// Most bytes that are copied.
const COPY_BYTES_MAX: u64 = 512 << 20;
/// Most files that one program may change.
const CHANGES_MAX: usize = 1_000;
/// Most refusals that are told.
const REFUSED_MAX: usize = 20;

/// The copy. It is removed when this is dropped.
pub struct Scratch {
    temporary: Dir,
    name: String,
    dir: Dir,
    path: PathBuf,
    before: HashMap<String, ContentHash>,
    is_removed: bool,
}

/// What became of the changes.
#[derive(Debug, Default)]
pub struct TakenUp {
    /// Files that were new or changed, written as the task's own.
    pub writes: Vec<FileEntry>,
    /// Files that are not taken, and why; the first of them.
    pub refused: Vec<(String, String)>,
    /// Files of the project that the program removed. They stay.
    pub missing: Vec<String>,
}

impl Scratch {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Scratch {
    /// Waits for the disk.
    fn remove(&mut self) {
        self.is_removed = true;
        // What stays after a failure is swept at the next start.
        let _ = layout::remove_tree(&self.temporary, &self.name);
    }
}

/// For a call that was cancelled; the others wait until it is gone.
impl Drop for Scratch {
    fn drop(&mut self) {
        let (false, Ok(temporary)) = (self.is_removed, self.temporary.try_clone()) else { return };
        let name = std::mem::take(&mut self.name);
        let remove = move || {
            let _ = layout::remove_tree(&temporary, &name);
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}

impl ProjectFiles {
    /// A fresh folder beside the projects, for a test of what programs can reach.
    pub(crate) fn private_folder(&self) -> std::io::Result<PathBuf> {
        let name = layout::temporary_name();
        self.0.projects.create_dir(&name)?;
        Ok(self.0.projects_path.join(name))
    }

    /// Copies all files that a task sees.
    ///
    /// # Errors
    /// Too much to copy, or what the file system answered.
    pub async fn scratch(&self, task: &ToolContext) -> Result<Scratch, FilesError> {
        let task = task.clone();
        self.blocking(move |inner| inner.scratch(&task)).await
    }

    /// Writes what a program changed in the copy as files of the task.
    ///
    /// # Errors
    /// What the file system answered; what a rule refuses is no error.
    pub async fn take_up(&self, task: &ToolContext, mut scratch: Scratch) -> Result<TakenUp, FilesError> {
        let task = task.clone();
        self.blocking(move |inner| {
            let taken = inner.take_up(&task, &scratch);
            scratch.remove();
            taken
        })
        .await
    }

    /// Removes a copy that is not wanted, and waits until it is gone.
    ///
    /// # Errors
    /// None of the file system: what stays is swept at the next start.
    pub async fn throw_away(&self, mut scratch: Scratch) -> Result<(), FilesError> {
        self.blocking(move |_| {
            scratch.remove();
            Ok(())
        })
        .await
    }
}

impl Inner {
    fn scratch(&self, task: &ToolContext) -> Result<Scratch, FilesError> {
        let project = self.make_project(&task.project)?;
        // Sweeps the temporary folder if that was not done yet, so that it is not
        // done later, beneath the program.
        self.known(&task.project, &project)?;
        let temporary = layout::make_dir(&project, layout::TEMPORARY, Keep::Disposable)?;
        let name = layout::temporary_name();
        let dir = layout::make_dir(&temporary, &name, Keep::Disposable)?;
        let path =
            self.projects_path.join(id_name(task.project.as_str())?).join(layout::TEMPORARY).join(&name);
        let mut scratch = Scratch { temporary, name, dir, path, before: HashMap::new(), is_removed: false };
        let mut bytes_left = COPY_BYTES_MAX;
        for listed in self.list(task, None)?.files {
            let path = RelativePath::parse(&listed.path)?;
            let file = match self.read(task, &path) {
                Ok(file) if (file.content.len() as u64) == file.bytes => file,
                // Gone meanwhile, or something that no tool may read.
                _ => continue,
            };
            bytes_left = bytes_left.checked_sub(file.bytes).ok_or_else(|| {
                FilesError::QuotaExceeded(format!("the project has more than {COPY_BYTES_MAX} bytes to copy"))
            })?;
            let parent = layout::make_parent(&scratch.dir, &path, Keep::Disposable)?;
            parent.write(path.split().1, &file.content)?;
            scratch.before.insert(listed.path, ContentHash::of(&file.content));
        }
        Ok(scratch)
    }

    fn take_up(&self, task: &ToolContext, scratch: &Scratch) -> Result<TakenUp, FilesError> {
        let mut taken = TakenUp::default();
        let mut left_out = Vec::new();
        let mut found = Vec::new();
        let mut visit = |path: &str, what: Found| {
            match what {
                Found::File(_) => found.push(path.to_owned()),
                Found::LeftOut(why) => left_out.push((path.to_owned(), why.to_owned())),
            }
            Ok(())
        };
        Walk { entries_left: ENTRIES_MAX, except: None, visit: &mut visit }.run(&scratch.dir, "")?;
        taken.refused = left_out;
        for path in &found {
            match self.take_file(task, scratch, path, taken.writes.len()) {
                Ok(Some(entry)) => taken.writes.push(entry),
                Ok(None) => {}
                Err(FilesError::Io(error)) => return Err(FilesError::Io(error)),
                Err(error) => taken.refused.push((path.clone(), error.to_string())),
            }
        }
        taken.refused.truncate(REFUSED_MAX);
        found.sort();
        let is_gone = |path: &&String| found.binary_search(path).is_err();
        taken.missing = scratch.before.keys().filter(is_gone).cloned().collect();
        taken.missing.sort();
        Ok(taken)
    }

    /// One file of the copy; `None` if it is as it was.
    fn take_file(
        &self,
        task: &ToolContext,
        scratch: &Scratch,
        path: &str,
        taken: usize,
    ) -> Result<Option<FileEntry>, FilesError> {
        let path = RelativePath::parse(path)?;
        let parent = layout::open_parent(&scratch.dir, &path)?;
        let (file, bytes) = layout::open_file(&parent, path.split().1)?;
        if bytes > self.limits.file_bytes_max {
            return Err(FilesError::QuotaExceeded(format!("it has {bytes} bytes")));
        }
        let content = layout::read_up_to(file, self.limits.file_bytes_max)?;
        if scratch.before.get(path.as_str()) == Some(&ContentHash::of(&content)) {
            return Ok(None);
        }
        if taken >= CHANGES_MAX {
            return Err(FilesError::QuotaExceeded(format!(
                "more than {CHANGES_MAX} files were changed at once"
            )));
        }
        self.write(task, &path, &content).map(Some)
    }
}
