//! One engine per data folder. The operating system's lock on a file proves that
//! whoever held it before is dead, so an engine that starts may treat every task
//! it finds as lost by its worker. The database itself is not locked: other
//! commands read and write it beside the engine.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use domain::time::Timestamp;

/// Name of the lock's file in the data folder.
const FILE: &str = "engine.lock";

/// Held as long as the value lives.
#[derive(Debug)]
pub struct EngineLock {
    file: File,
}

/// Why the lock was not given.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody has it.
    #[error(
        "another engine works on {path} ({holder}); stop it first, or choose another folder with --data-dir"
    )]
    Held {
        /// The lock's file.
        path: PathBuf,
        /// What the holder wrote about itself.
        holder: String,
    },
    /// The file cannot be made or locked.
    #[error("cannot lock {path}: {cause}; the data folder must be a writable folder on a local disk")]
    Io {
        /// The lock's file.
        path: PathBuf,
        /// What the operating system says.
        cause: std::io::Error,
    },
}

impl EngineLock {
    /// Takes the lock of a data folder, which must exist.
    ///
    /// # Errors
    /// When another engine has it, which is named, or the folder cannot be used.
    pub fn acquire(data_dir: &Path, now: Timestamp) -> Result<Self, LockError> {
        let path = data_dir.join(FILE);
        let io = |cause| LockError::Io { path: path.clone(), cause };
        // Not truncated: until the lock is ours, the text is the holder's.
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The holder may be about to write; its name is a courtesy.
                let _ = file.read_to_string(&mut holder);
                let holder = match holder.trim() {
                    "" => "it does not say which".to_owned(),
                    text => text.to_owned(),
                };
                return Err(LockError::Held { path, holder });
            }
            Err(TryLockError::Error(cause)) => return Err(io(cause)),
        }
        file.set_len(0).map_err(io)?;
        file.rewind().map_err(io)?;
        writeln!(file, "pid {}, since {now}", std::process::id()).map_err(io)?;
        file.flush().map_err(io)?;
        Ok(Self { file })
    }

    /// Whether an engine works on this data folder now. Only looks: a shared lock
    /// for a moment, which whoever acquires at that moment has to ask for again.
    #[must_use]
    pub fn is_held(data_dir: &Path) -> bool {
        // Without a file nobody has ever held it.
        File::open(data_dir.join(FILE))
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

impl Drop for EngineLock {
    fn drop(&mut self) {
        // Closing the file releases the lock in any case.
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_engine_is_told_who_holds_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!EngineLock::is_held(dir.path()));
        let first = EngineLock::acquire(dir.path(), Timestamp(0)).unwrap();
        assert!(EngineLock::is_held(dir.path()));
        let refused = EngineLock::acquire(dir.path(), Timestamp(0)).unwrap_err().to_string();
        assert!(refused.contains(&format!("pid {}", std::process::id())), "{refused}");
        drop(first);
        EngineLock::acquire(dir.path(), Timestamp(0)).unwrap();
    }
}
