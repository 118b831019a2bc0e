//! What a project holds, by name: for limits and for names that would collide.
//!
//! In memory only, and only a cache of what is on the disk. It is read once, when a
//! project is first written to, kept up with every write, and thrown away when a
//! write fails half-way, so that a write costs the same in a project of 10 and of
//! 10,000 files. The rules are pure: a test needs no disk.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::id::TaskId;

use super::content::ContentHash;
use super::error::FilesError;
use super::limits::FileLimits;
use crate::path::{self, RelativePath};

/// Whose staging folder.
pub type Holder = (TaskId, u64);

/// The files of one project: path by key, so that twins meet.
#[derive(Debug, Default)]
pub struct Index {
    published: Names,
    staged: HashMap<Holder, Names>,
    contents: HashSet<ContentHash>,
    bytes: u64,
}

#[derive(Debug, Default)]
struct Names(BTreeMap<String, String>);

/// A path with the keys that it is compared by, made once for all comparisons.
struct Name<'a> {
    path: &'a str,
    key: String,
    /// Each folder above it and its key, from the outermost.
    folders: Vec<(&'a str, String)>,
}

impl<'a> Name<'a> {
    fn of(path: &'a RelativePath) -> Self {
        let text = path.as_str();
        let folders = text.match_indices('/').map(|(end, _)| &text[..end]);
        Self {
            path: text,
            key: path.key(),
            folders: folders.map(|folder| (folder, path::key(folder))).collect(),
        }
    }
}

impl Index {
    /// Admits a write of a task, or says what it runs into. The names of other
    /// tasks count too: what they staged will be published beside this.
    pub fn reserve(
        &mut self,
        holder: &Holder,
        path: &RelativePath,
        hash: &ContentHash,
        bytes: u64,
        limits: &FileLimits,
    ) -> Result<(), FilesError> {
        self.check_name(path)?;
        self.check_number(&path.key(), limits)?;
        self.add_content(hash, bytes, limits)?;
        self.staged.entry(holder.clone()).or_default().insert(path.as_str());
        Ok(())
    }

    /// Whether this name could stand beside all others.
    pub fn check_name(&self, path: &RelativePath) -> Result<(), FilesError> {
        let name = Name::of(path);
        self.published.check(&name)?;
        self.staged.values().try_for_each(|names| names.check(&name))
    }

    /// Whether this name could stand beside all others, and is itself not there.
    pub fn check_new(&self, path: &RelativePath) -> Result<(), FilesError> {
        self.check_name(path)?;
        if self.is_published(path) {
            return Err(FilesError::NameConflict(format!("there is {:?} already", path.as_str())));
        }
        Ok(())
    }

    /// Whether a published file has this name.
    pub fn is_published(&self, path: &RelativePath) -> bool {
        self.published.0.contains_key(&path.key())
    }

    /// Counts a content, unless it is there.
    fn add_content(&mut self, hash: &ContentHash, bytes: u64, limits: &FileLimits) -> Result<(), FilesError> {
        if self.contents.contains(hash) {
            return Ok(());
        }
        self.check_bytes(bytes, limits)?;
        self.load_content(hash.clone(), bytes);
        Ok(())
    }

    /// Whether so many more bytes may be stored.
    pub fn check_bytes(&self, bytes: u64, limits: &FileLimits) -> Result<(), FilesError> {
        if self.bytes.saturating_add(bytes) <= limits.project_bytes_max {
            return Ok(());
        }
        Err(FilesError::QuotaExceeded(format!(
            "the project would hold more than {} bytes, earlier versions included",
            limits.project_bytes_max
        )))
    }

    /// Whether so many files more may be added.
    pub fn check_more(&self, files: usize, limits: &FileLimits) -> Result<(), FilesError> {
        if self.published.0.len() + self.staged_only().len() + files <= limits.project_files_max {
            return Ok(());
        }
        Err(too_many(limits))
    }

    /// Files that are staged and not published, each once.
    fn staged_only(&self) -> HashSet<&String> {
        let staged = self.staged.values().flat_map(|names| names.0.keys());
        staged.filter(|key| !self.published.0.contains_key(*key)).collect()
    }

    /// Whether a file of this key may be added.
    fn check_number(&self, key: &str, limits: &FileLimits) -> Result<(), FilesError> {
        let files_max = limits.project_files_max;
        // Counting twice what is both staged and published is cheap and mostly enough.
        let at_most = self.published.0.len() + self.staged.values().map(|names| names.0.len()).sum::<usize>();
        if at_most < files_max || self.published.0.contains_key(key) {
            return Ok(());
        }
        let staged = self.staged_only();
        if self.published.0.len() + staged.len() < files_max || staged.iter().any(|staged| *staged == key) {
            return Ok(());
        }
        Err(too_many(limits))
    }

    /// A file of the published folder.
    pub fn publish(&mut self, path: &str) {
        self.published.insert(path);
    }

    /// A file of a staging folder.
    pub fn stage(&mut self, holder: &Holder, path: &str) {
        self.staged.entry(holder.clone()).or_default().insert(path);
    }

    /// A content found on the disk.
    pub fn load_content(&mut self, hash: ContentHash, bytes: u64) {
        if self.contents.insert(hash) {
            self.bytes = self.bytes.saturating_add(bytes);
        }
    }

    /// Forgets what a task staged.
    pub fn discard(&mut self, task: &TaskId) {
        self.staged.retain(|(of, _), _| of != task);
    }
}

impl Names {
    fn insert(&mut self, path: &str) {
        self.0.insert(path::key(path), path.to_owned());
    }

    /// Refuses a name that differs only in case from one that is there, a folder
    /// where a file is, and a file where a folder is.
    fn check(&self, name: &Name<'_>) -> Result<(), FilesError> {
        for (at, (folder, key)) in name.folders.iter().enumerate() {
            if let Some(there) = self.0.get(key) {
                return Err(FilesError::NameConflict(format!("{there:?} is a file, not a folder")));
            }
            let Some(inside) = self.beneath(key) else { break };
            let there = inside.split('/').take(at + 1).collect::<Vec<_>>().join("/");
            if there != *folder {
                return Err(twin(&there));
            }
        }
        match self.0.get(&name.key) {
            Some(there) if there != name.path => Err(twin(there)),
            Some(_) => Ok(()),
            None if self.beneath(&name.key).is_some() => {
                Err(FilesError::NameConflict(format!("{:?} is a folder", name.path)))
            }
            None => Ok(()),
        }
    }

    /// Some path beneath the folder of this key.
    fn beneath(&self, key: &str) -> Option<&String> {
        let first = format!("{key}/");
        let (found, path) = self.0.range(first.clone()..).next()?;
        found.starts_with(&first).then_some(path)
    }
}

fn too_many(limits: &FileLimits) -> FilesError {
    FilesError::QuotaExceeded(format!("the project would hold more than {} files", limits.project_files_max))
}

fn twin(there: &str) -> FilesError {
    FilesError::NameConflict(format!("there is {there:?} already, which differs only in case; use that name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: FileLimits =
        FileLimits { file_bytes_max: 100, project_bytes_max: 20, project_files_max: 3 };

    fn reserve(index: &mut Index, task: &str, path: &str, content: &str) -> Result<(), &'static str> {
        let path = RelativePath::parse(path).unwrap();
        let hash = ContentHash::of(content.as_bytes());
        index
            .reserve(&(TaskId::new(task), 1), &path, &hash, content.len() as u64, &LIMITS)
            .map_err(|error| error.code())
    }

    #[test]
    fn names_collide_across_folders_case_and_tasks() {
        let mut index = Index::default();
        index.publish("Docs/Guide.md");
        reserve(&mut index, "t1", "src/a", "x").unwrap();
        for path in
            ["docs/new", "Docs/guide.md", "Docs", "Docs/Guide.md/x", "SRC/b", "src", "src/a/b", "Src/A"]
        {
            assert_eq!(reserve(&mut index, "t2", path, "x"), Err("name_conflict"), "{path}");
        }
        for path in ["Docs/Guide.md", "src/a"] {
            assert_eq!(reserve(&mut index, "t2", path, "x"), Ok(()), "{path}");
        }
        index.discard(&TaskId::new("t1"));
        index.discard(&TaskId::new("t2"));
        assert_eq!(reserve(&mut index, "t2", "SRC/b", "x"), Ok(()));
    }

    #[test]
    fn limits_count_each_file_and_each_content_once() {
        let mut index = Index::default();
        index.publish("a");
        for path in ["a", "b", "c", "b"] {
            reserve(&mut index, "t1", path, "same").unwrap();
        }
        assert_eq!(reserve(&mut index, "t2", "b", "same"), Ok(()));
        assert_eq!(reserve(&mut index, "t1", "d", "same"), Err("quota_exceeded"));
        reserve(&mut index, "t1", "a", &"x".repeat(16)).unwrap();
        assert_eq!(reserve(&mut index, "t1", "a", "y"), Err("quota_exceeded"));
        assert_eq!(reserve(&mut index, "t1", "a", "same"), Ok(()));
    }
}
