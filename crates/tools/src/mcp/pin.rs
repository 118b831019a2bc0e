//! Which definitions of tools a person has accepted.
//!
//! A definition is trusted when it is first seen, and listed; from then on any other
//! one of the same tool is kept aside until somebody approves exactly that one. A
//! server cannot talk a model into something new by changing what its tool says.
//! Nothing here talks to a server.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::name::hex;

/// Longest description and longest schema that is taken, in bytes.
pub(super) const DEFINITION_BYTES_MAX: usize = 32 * 1024;

/// One tool of one server, by their own names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PinKey {
    /// The server, as the configuration calls it.
    pub server: String,
    /// The tool, as the server calls it.
    pub tool: String,
}

/// What a server says that a tool is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// SHA-256 of name, description and schema, lower-case hex.
    pub hash: String,
    /// What the model is told about it.
    pub description: String,
    /// JSON Schema of its arguments.
    pub schema: Value,
}

impl Definition {
    /// The definition of the tool of this name.
    #[must_use]
    pub fn new(name: &str, description: String, schema: Value) -> Self {
        let mut hasher = Sha256::new();
        // Lengths between the parts: moving text from one to the other must show.
        for part in [name, &description] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        hash_value(&mut hasher, &schema);
        let hash = hex(&hasher.finalize());
        Self { hash, description, schema }
    }

    /// Whether it is small enough to be kept and shown.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        self.description.len() <= DEFINITION_BYTES_MAX
            && self.schema.to_string().len() <= DEFINITION_BYTES_MAX
    }
}

/// Feeds a value with its keys sorted, whatever order they were sent in.
fn hash_value(hasher: &mut Sha256, value: &Value) {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
            hasher.update([b'{']);
            hasher.update((sorted.len() as u64).to_be_bytes());
            for (key, value) in sorted {
                hasher.update((key.len() as u64).to_be_bytes());
                hasher.update(key);
                hash_value(hasher, value);
            }
        }
        Value::Array(items) => {
            hasher.update([b'[']);
            hasher.update((items.len() as u64).to_be_bytes());
            items.iter().for_each(|item| hash_value(hasher, item));
        }
        plain => {
            let text = plain.to_string();
            hasher.update([b'.']);
            hasher.update((text.len() as u64).to_be_bytes());
            hasher.update(text);
        }
    }
}

/// What is accepted of one tool, and what waits to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pin {
    /// The accepted definition.
    pub approved: Definition,
    /// Another one that the server gave later.
    pub waiting: Option<Definition>,
}

/// Why pins could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// What the file system said.
    #[error("pins of tool definitions: {0}")]
    Io(#[from] std::io::Error),
    /// The file is not what we write.
    #[error("pins of tool definitions: the file is damaged: {0}")]
    Damaged(String),
    /// No such definition waits for approval.
    #[error("no such definition waits for approval; look at the list again")]
    NotWaiting,
}

/// Keeps the pins. Whoever cannot read them gets no tools.
#[async_trait]
pub trait PinStore: Send + Sync {
    /// The pin of a tool.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn get(&self, key: &PinKey) -> Result<Option<Pin>, PinError>;

    /// Keeps what is given, in place of what was there.
    ///
    /// # Errors
    /// When it cannot be written.
    async fn set(&self, key: &PinKey, pin: Pin) -> Result<(), PinError>;

    /// Accepts the waiting definition, when it is still the one with this hash: a
    /// person approves what he has seen and nothing that came after.
    ///
    /// # Errors
    /// [`PinError::NotWaiting`] for any other hash, or when it cannot be written.
    async fn approve(&self, key: &PinKey, hash: &str) -> Result<(), PinError>;

    /// All pins, sorted.
    ///
    /// # Errors
    /// When they cannot be read.
    async fn list(&self) -> Result<Vec<(PinKey, Pin)>, PinError>;
}

/// Pins by key.
pub(super) type Pins = BTreeMap<PinKey, Pin>;

/// Moves the waiting definition with this hash to the accepted place.
pub(super) fn approve(pins: &mut Pins, key: &PinKey, hash: &str) -> Result<(), PinError> {
    let pin = pins.get_mut(key).ok_or(PinError::NotWaiting)?;
    if pin.waiting.as_ref().is_none_or(|waiting| waiting.hash != hash) {
        return Err(PinError::NotWaiting);
    }
    if let Some(waiting) = pin.waiting.take() {
        pin.approved = waiting;
    }
    Ok(())
}

/// Pins that end with the process; for tests and demonstrations.
#[derive(Debug, Default)]
pub struct MemoryPins(Mutex<Pins>);

impl MemoryPins {
    fn with<T>(&self, act: impl FnOnce(&mut Pins) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl PinStore for MemoryPins {
    async fn get(&self, key: &PinKey) -> Result<Option<Pin>, PinError> {
        Ok(self.with(|pins| pins.get(key).cloned()))
    }

    async fn set(&self, key: &PinKey, pin: Pin) -> Result<(), PinError> {
        self.with(|pins| pins.insert(key.clone(), pin));
        Ok(())
    }

    async fn approve(&self, key: &PinKey, hash: &str) -> Result<(), PinError> {
        self.with(|pins| approve(pins, key, hash))
    }

    async fn list(&self) -> Result<Vec<(PinKey, Pin)>, PinError> {
        Ok(self.with(|pins| pins.iter().map(|(key, pin)| (key.clone(), pin.clone())).collect()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_hash_sees_every_part_and_no_order_of_keys() {
        let hash = |name: &str, text: &str, schema: &str| {
            Definition::new(name, text.to_owned(), serde_json::from_str(schema).unwrap()).hash
        };
        let one = hash("a", "b", r#"{"x":1,"y":[1,2]}"#);
        assert_eq!(one, hash("a", "b", r#"{"y":[1,2],"x":1}"#));
        for (name, text, schema) in [
            ("ab", "", r#"{"x":1,"y":[1,2]}"#),
            ("a", "b ", r#"{"x":1,"y":[1,2]}"#),
            ("a", "b", r#"{"x":1,"y":[2,1]}"#),
            ("a", "b", r#"{"x":"1","y":[1,2]}"#),
            ("a", "b", r#"{"x":{"y":[1,2]}}"#),
        ] {
            assert_ne!(one, hash(name, text, schema), "{name} {text} {schema}");
        }
    }

    #[tokio::test]
    async fn only_the_definition_that_was_seen_is_approved() {
        let pins = MemoryPins::default();
        let key = PinKey { server: "s".to_owned(), tool: "t".to_owned() };
        let define = |text: &str| Definition::new("t", text.to_owned(), json!({}));
        assert!(matches!(pins.approve(&key, "x").await, Err(PinError::NotWaiting)));
        let pin = Pin { approved: define("old"), waiting: Some(define("new")) };
        pins.set(&key, pin).await.unwrap();
        for hash in [define("newer").hash, define("old").hash, String::new()] {
            assert!(matches!(pins.approve(&key, &hash).await, Err(PinError::NotWaiting)));
        }
        pins.approve(&key, &define("new").hash).await.unwrap();
        let pin = pins.get(&key).await.unwrap().unwrap();
        assert_eq!((pin.approved, pin.waiting), (define("new"), None));
    }
}
