//! What the engine does with the files of a task: make its staging folder again,
//! publish what it wrote, drop what is left. Each may be interrupted anywhere and
//! repeated until it is done.

use std::collections::{BTreeMap, BTreeSet};

use cap_std::fs::Dir;
use domain::id::{ProjectId, TaskId};
use domain::tool::{FileEntry, ToolContext};

use super::content::{self, ContentHash};
use super::error::FilesError;
use super::layout::{self, Keep};
use super::{Inner, id_name, if_there, lock, staging};
use crate::path::RelativePath;

/// An entry that was checked: rows come from a database, not from us.
struct Checked {
    hash: ContentHash,
    bytes: u64,
}

impl Inner {
    pub(super) fn rebuild(&self, task: &ToolContext, writes: &[FileEntry]) -> Result<(), FilesError> {
        let writes = check(writes)?;
        let project = self.make_project(&task.project)?;
        let known = self.known(&task.project, &project)?;
        self.drop_staging(&project, &task.task)?;
        let staging = staging::make_staging(&project, task)?;
        for (path, write) in &writes {
            let content = content::get(&project, &write.hash, write.bytes)?;
            let dir = layout::make_parent(&staging, path, Keep::Disposable)?;
            layout::place(&project, &dir, path.split().1, &content, Keep::Disposable)?;
        }
        let holder = (task.task.clone(), task.fence);
        self.with_index(&known, &project, |index| {
            index.discard(&task.task);
            writes.keys().for_each(|path| index.stage(&holder, path.as_str()));
            Ok(())
        })
    }

    pub(super) fn publish(&self, project: &ProjectId, entries: &[FileEntry]) -> Result<(), FilesError> {
        let entries = check(entries)?;
        if entries.is_empty() {
            return Ok(());
        }
        let dir = self.make_project(project)?;
        let known = self.known(project, &dir)?;
        let _one_at_a_time = lock(&known.publishing);
        let files = layout::make_dir(&dir, layout::PUBLISHED, Keep::Disposable)?;
        let published = publish_all(&dir, &files, &entries);
        if let Err(error) = published.and_then(|()| Ok(layout::sync_dir(&self.projects)?)) {
            known.forget_index();
            return Err(error);
        }
        self.with_index(&known, &dir, |index| {
            entries.keys().for_each(|path| index.publish(path.as_str()));
            Ok(())
        })
    }

    pub(super) fn discard(&self, project: &ProjectId, task: &TaskId) -> Result<(), FilesError> {
        let Some(dir) = if_there(self.project(project))? else { return Ok(()) };
        let known = self.known(project, &dir)?;
        self.drop_staging(&dir, task)?;
        // An index that is not there need not be read for this.
        if let Some(index) = lock(&known.index).as_mut() {
            index.discard(task);
        }
        Ok(())
    }

    pub(super) fn remove(&self, project: &ProjectId) -> Result<(), FilesError> {
        let name = id_name(project.as_str())?;
        lock(&self.known).remove(project);
        layout::remove_tree(&self.projects, name)
    }

    /// Moves the folder away before it is removed: what a late writer still puts
    /// into it goes with it, and a crash leaves nothing half-removed in place.
    fn drop_staging(&self, project: &Dir, task: &TaskId) -> Result<(), FilesError> {
        let name = id_name(task.as_str())?;
        let Some(staging) = if_there(layout::open_dir(project, layout::STAGING))? else { return Ok(()) };
        let temporary = layout::make_dir(project, layout::TEMPORARY, Keep::Disposable)?;
        let away = layout::temporary_name();
        match staging.rename(name, &temporary, &away) {
            Ok(()) => layout::remove_tree(&temporary, &away),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Of two writes to one path the later stays.
fn check(entries: &[FileEntry]) -> Result<BTreeMap<RelativePath, Checked>, FilesError> {
    let mut checked = BTreeMap::new();
    for entry in entries {
        let path = RelativePath::parse(&entry.path)?;
        let hash = ContentHash::parse(&entry.hash)
            .ok_or_else(|| FilesError::Damaged(format!("the entry of {path} has no content hash")))?;
        checked.insert(path, Checked { hash, bytes: entry.bytes });
    }
    Ok(checked)
}

fn publish_all(
    project: &Dir,
    files: &Dir,
    entries: &BTreeMap<RelativePath, Checked>,
) -> Result<(), FilesError> {
    let mut folders: BTreeSet<&str> = BTreeSet::new();
    for (path, entry) in entries {
        publish_one(project, &make_way(files, path)?, path.split().1, entry)?;
        let ends = path.as_str().match_indices('/').map(|(end, _)| end);
        folders.extend(ends.map(|end| &path.as_str()[..end]));
    }
    for folder in folders {
        let mut dir = files.try_clone()?;
        for name in folder.split('/') {
            dir = layout::open_dir(&dir, name)?;
        }
        layout::sync_dir(&dir)?;
    }
    layout::sync_dir(files)?;
    layout::sync_dir(project)?;
    Ok(())
}

fn publish_one(project: &Dir, dir: &Dir, name: &str, entry: &Checked) -> Result<(), FilesError> {
    match layout::open_file(dir, name) {
        Ok((file, bytes)) => {
            let is_there =
                bytes == entry.bytes && ContentHash::of(&layout::read_up_to(file, bytes)?) == entry.hash;
            if is_there {
                return Ok(());
            }
        }
        Err(FilesError::NotFound(_)) => {}
        // A link, a pipe, a folder of another task: the last published wins.
        Err(FilesError::PathNotAllowed(_) | FilesError::WrongKind(_)) => layout::remove_tree(dir, name)?,
        Err(error) => return Err(error),
    }
    let content = content::get(project, &entry.hash, entry.bytes)?;
    layout::place(project, dir, name, &content, Keep::Synced)
}

/// Opens the folder for `path`; what is in the way of a folder is removed. Tasks
/// that run at the same time are kept from such names when they write, so this is
/// for what came into the folder by other ways.
fn make_way(files: &Dir, path: &RelativePath) -> Result<Dir, FilesError> {
    let mut dir = files.try_clone()?;
    let (Some(folders), _) = path.split() else { return Ok(dir) };
    for name in folders.split('/') {
        dir = match layout::make_dir(&dir, name, Keep::Disposable) {
            Err(FilesError::WrongKind(_) | FilesError::PathNotAllowed(_)) => {
                layout::remove_tree(&dir, name)?;
                layout::make_dir(&dir, name, Keep::Disposable)?
            }
            result => result?,
        };
    }
    Ok(dir)
}
