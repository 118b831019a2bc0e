//! What a path that comes from a model or from an input folder may look like.
//!
//! Pure: no file system is asked. It refuses what could leave the folder, what
//! looks like something else to a person, and what another operating system could
//! not hold. Links and races are the file system's side: see `workspace/layout.rs`.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

/// Longest path, in bytes.
pub const PATH_BYTES_MAX: usize = 1024;
/// Longest name of one file or folder, in bytes: what Linux file systems hold.
pub const NAME_BYTES_MAX: usize = 255;
/// Most names in one path.
pub const DEPTH_MAX: usize = 32;

/// Input longer than this is refused before it is normalised; composing shrinks
/// a text to a third at most.
const RAW_BYTES_MAX: usize = 4 * PATH_BYTES_MAX;

/// A path inside a project: relative, `/` between names, NFC, never empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelativePath(String);

/// Why a path is refused; a fragment that can follow "the path was refused: ".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PathRefusal(&'static str);

impl RelativePath {
    /// Checks and normalises. A leading `./` and other `.` names are dropped, for
    /// models like to write them and they mean nothing.
    ///
    /// # Errors
    /// What is wrong with the path, without repeating it.
    pub fn parse(text: &str) -> Result<Self, PathRefusal> {
        if text.len() > RAW_BYTES_MAX {
            return Err(PathRefusal("it is too long (at most 1024 bytes)"));
        }
        if let Some(refusal) = text.chars().find_map(refuse_char) {
            return Err(refusal);
        }
        if text.starts_with('/') {
            return Err(PathRefusal("it is absolute; give a path relative to the project, like src/main.rs"));
        }
        let normal: String = text.nfc().collect();
        let mut names = Vec::new();
        for name in normal.split('/') {
            if name == "." {
                continue;
            }
            refuse_name(name)?;
            names.push(name);
        }
        match names.first() {
            None => return Err(PathRefusal("it names no file")),
            Some(name) if name.starts_with('~') => {
                return Err(PathRefusal("`~` is not expanded; give a path relative to the project"));
            }
            Some(_) => {}
        }
        if names.len() > DEPTH_MAX {
            return Err(PathRefusal("it has too many folders (at most 32 names)"));
        }
        let path = names.join("/");
        if path.len() > PATH_BYTES_MAX {
            return Err(PathRefusal("it is too long (at most 1024 bytes)"));
        }
        Ok(Self(path))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names from the outermost folder to the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The folders above the file, and the file's own name.
    #[must_use]
    pub fn split(&self) -> (Option<&str>, &str) {
        match self.0.rsplit_once('/') {
            Some((folders, name)) => (Some(folders), name),
            None => (None, &self.0),
        }
    }

    /// The same for every path that a file system without case would take for
    /// this one.
    #[must_use]
    pub fn key(&self) -> String {
        key(&self.0)
    }
}

impl fmt::Display for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Text without its case. By way of the capitals, so that `ß` and `SS`, `ſ` and
/// `s` meet too.
#[must_use]
pub fn key(text: &str) -> String {
    text.to_uppercase().to_lowercase().nfc().collect()
}

fn refuse_char(c: char) -> Option<PathRefusal> {
    match c {
        '\\' => Some(PathRefusal("it contains a backslash; separate folders with `/`")),
        // Drives, `file:` and other URLs, and alternate streams of NTFS.
        ':' => Some(PathRefusal("it contains `:`; drives and URLs are not paths here")),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{061c}' => {
            Some(PathRefusal("it contains a character that reverses the direction of text"))
        }
        // Joiners (200C, 200D) stay: names in several scripts need them.
        '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{2028}' | '\u{2029}' => {
            Some(PathRefusal("it contains an invisible character"))
        }
        '\u{2044}' | '\u{2215}' | '\u{29f8}' | '\u{ff0f}' | '\u{2216}' | '\u{29f5}' | '\u{29f9}'
        | '\u{fe68}' | '\u{ff3c}' => Some(PathRefusal("it contains a character that looks like a slash")),
        '\u{ff1a}' | '\u{fe55}' | '\u{a789}' => {
            Some(PathRefusal("it contains a character that looks like a colon"))
        }
        c if c.is_control() => Some(PathRefusal("it contains a control character")),
        _ => None,
    }
}

fn refuse_name(name: &str) -> Result<(), PathRefusal> {
    if name.is_empty() {
        return Err(PathRefusal("it is empty or has an empty name between slashes"));
    }
    if name == ".." {
        return Err(PathRefusal("`..` is not allowed"));
    }
    if name.ends_with('.') || name.ends_with(char::is_whitespace) {
        return Err(PathRefusal("a name in it ends with a dot or a space"));
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(PathRefusal("a name in it is too long (at most 255 bytes)"));
    }
    if is_reserved(name) {
        return Err(PathRefusal("a name in it is reserved on Windows (CON, NUL, COM1 and so on)"));
    }
    Ok(())
}

/// Names that Windows takes for devices, with any extension.
fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_uppercase();
    if matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$") {
        return true;
    }
    let number = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    number.is_some_and(|number| {
        let mut chars = number.chars();
        matches!(chars.next(), Some('0'..='9' | '¹' | '²' | '³')) && chars.next().is_none()
    })
}

#[cfg(test)]
mod tests;
