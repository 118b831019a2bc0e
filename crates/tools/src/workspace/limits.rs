//! How much a project may hold. Numbers only; `index.rs` applies them.

/// Limits on files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileLimits {
    /// Largest file, in bytes. Also the most that is read of one.
    pub file_bytes_max: u64,
    /// Most bytes in the content store of one project: every version counts once,
    /// for every version stays until the project is removed.
    pub project_bytes_max: u64,
    /// Most files of one project, published and staged together.
    pub project_files_max: usize,
}

impl Default for FileLimits {
    fn default() -> Self {
        Self { file_bytes_max: 10 << 20, project_bytes_max: 1 << 30, project_files_max: 10_000 }
    }
}
