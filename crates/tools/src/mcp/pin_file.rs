//! Pins in one JSON file of the data folder, for one program at a time.
//!
//! The file is read again for each use: a person approves with another process. It
//! is only ever replaced as a whole, readable by its owner alone, so a crash leaves
//! the old or the new one. A file that cannot be understood is an error and never
//! an empty list, for that would trust everything anew.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::pin::{self, Pin, PinError, PinKey, PinStore, Pins};

/// Name of the file in the data folder.
const FILE_NAME: &str = "mcp-pins.json";
/// The shape that this program writes.
const VERSION: u32 = 1;
/// Longest file that is read.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    pins: Vec<StoredPin>,
}

#[derive(Serialize, Deserialize)]
struct StoredPin {
    key: PinKey,
    pin: Pin,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct JsonPins {
    path: PathBuf,
    // One change at a time.
    turn: Arc<Mutex<()>>,
}

impl JsonPins {
    /// In this data folder, which must exist.
    #[must_use]
    pub fn new(data_dir: &Path) -> Self {
        Self { path: data_dir.join(FILE_NAME), turn: Arc::default() }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Path) -> Result<T, PinError> + Send + 'static,
    ) -> Result<T, PinError> {
        let pins = self.clone();
        let work = move || {
            let _turn = pins.turn.lock().unwrap_or_else(PoisonError::into_inner);
            act(&pins.path)
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| PinError::Io(io::Error::other(error)))?
    }
}

#[async_trait]
impl PinStore for JsonPins {
    async fn get(&self, key: &PinKey) -> Result<Option<Pin>, PinError> {
        let key = key.clone();
        self.blocking(move |path| Ok(read(path)?.remove(&key))).await
    }

    async fn set(&self, key: &PinKey, pin: Pin) -> Result<(), PinError> {
        let key = key.clone();
        self.blocking(move |path| {
            let mut pins = read(path)?;
            pins.insert(key, pin);
            write(path, pins)
        })
        .await
    }

    async fn approve(&self, key: &PinKey, hash: &str) -> Result<(), PinError> {
        let (key, hash) = (key.clone(), hash.to_owned());
        self.blocking(move |path| {
            let mut pins = read(path)?;
            pin::approve(&mut pins, &key, &hash)?;
            write(path, pins)
        })
        .await
    }

    async fn list(&self) -> Result<Vec<(PinKey, Pin)>, PinError> {
        self.blocking(|path| Ok(read(path)?.into_iter().collect())).await
    }
}

fn read(path: &Path) -> Result<Pins, PinError> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Pins::new()),
        Err(error) => return Err(error.into()),
    };
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    let stored: Stored = serde_json::from_str(&text).map_err(|error| PinError::Damaged(error.to_string()))?;
    if stored.version != VERSION {
        return Err(PinError::Damaged(format!("version {} is unknown", stored.version)));
    }
    Ok(stored.pins.into_iter().map(|stored| (stored.key, stored.pin)).collect())
}

fn write(path: &Path, pins: Pins) -> Result<(), PinError> {
    let pins = pins.into_iter().map(|(key, pin)| StoredPin { key, pin }).collect();
    let text = serde_json::to_vec_pretty(&Stored { version: VERSION, pins })
        .map_err(|error| PinError::Io(error.into()))?;
    let fresh = path.with_extension("json.new");
    // One left by a crash may have another owner's permissions.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let mut file = private_file(&fresh)?;
    file.write_all(&text)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&fresh, path)?;
    if let Some(folder) = path.parent() {
        sync_folder(folder)?;
    }
    Ok(())
}

fn private_file(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mcp::pin::Definition;

    fn key(tool: &str) -> PinKey {
        PinKey { server: "s".to_owned(), tool: tool.to_owned() }
    }

    fn pin(text: &str) -> Pin {
        Pin { approved: Definition::new("t", text.to_owned(), json!({"type": "object"})), waiting: None }
    }

    #[tokio::test]
    async fn pins_are_found_by_another_process_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let pins = JsonPins::new(folder.path());
        assert_eq!(pins.get(&key("a")).await.unwrap(), None);
        for name in ["a", "b"] {
            pins.set(&key(name), pin(name)).await.unwrap();
        }
        let other = JsonPins::new(folder.path());
        assert_eq!(other.list().await.unwrap(), [(key("a"), pin("a")), (key("b"), pin("b"))]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(folder.path().join(FILE_NAME)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_damaged_file_is_an_error_and_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        let pins = JsonPins::new(folder.path());
        for text in ["", "{", "[]", r#"{"version":2,"pins":[]}"#, "\u{0}"] {
            fs::write(&path, text).unwrap();
            assert!(matches!(pins.get(&key("a")).await, Err(PinError::Damaged(_))), "{text}");
            assert!(pins.set(&key("a"), pin("a")).await.is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}
