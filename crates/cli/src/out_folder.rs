//! The folder that results are copied to, tried before anything is paid for.
//!
//! Copies nothing; that is the work of `tools`.

use std::io;
use std::path::{Component, Path, PathBuf};

use crate::exit::{Failure, plain};

/// Makes the folder and writes to it for a moment.
///
/// # Errors
/// When it is a file, lies in the data folder, or cannot be written.
pub fn prepare(out: &Path, data_dir: &Path) -> Result<(), Failure> {
    let refuse = |why: &str| Failure::usage(format!("--out {}: {why}", out.display()));
    if out.exists() && !out.is_dir() {
        return Err(refuse("this is a file, not a folder"));
    }
    let inside = "this lies in the data folder, which belongs to orch; choose another";
    if is_inside(std::path::absolute(out).map(folded), std::path::absolute(data_dir).map(folded)) {
        return Err(refuse(inside));
    }
    let cannot = |error: &io::Error| refuse(&format!("cannot write there: {}", plain(error)));
    std::fs::create_dir_all(out).map_err(|error| cannot(&error))?;
    if is_inside(out.canonicalize(), data_dir.canonicalize()) {
        return Err(refuse(inside));
    }
    let probe = out.join(format!(".orch-{}", std::process::id()));
    std::fs::write(&probe, "").and_then(|()| std::fs::remove_file(&probe)).map_err(|error| cannot(&error))
}

/// The path without `..`, as it reads; links are looked at once the folder is there.
fn folded(path: PathBuf) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut folded, part| {
        if part == Component::ParentDir {
            folded.pop();
        } else {
            folded.push(part);
        }
        folded
    })
}

/// A folder that is not there yet has nothing in it.
fn is_inside(inner: io::Result<PathBuf>, outer: io::Result<PathBuf>) -> bool {
    inner.ok().zip(outer.ok()).is_some_and(|(inner, outer)| inner.starts_with(outer))
}
