//! Identifiers. Opaque text on the wire; ours carry a prefix and sort by time.
//!
//! Ids are made elsewhere (`ports::IdSource`) and passed in: nothing here reads a
//! clock or a random source. Cloning is cheap, for rows are cloned often.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// What ids of this kind begin with, underscore included.
            pub const PREFIX: &'static str = $prefix;

            /// Takes text that is already an id, from a row or a request.
            #[must_use]
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// Makes an id of our own out of fresh text from an `IdSource`.
            #[must_use]
            pub fn fresh(ids: &mut dyn crate::ports::IdSource) -> Self {
                Self(format!("{}{}", $prefix, ids.fresh()).into())
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d).map(|text| Self(text.into()))
            }
        }
    )*};
}

ids! {
    /// A user account.
    UserId = "usr_";
    /// An API key.
    KeyId = "key_";
    /// A project.
    ProjectId = "prj_";
    /// A plan version.
    PlanId = "pln_";
    /// A task.
    TaskId = "tsk_";
    /// One physical request to a model provider.
    CallId = "cal_";
    /// Project-level work that calls models, such as planning.
    OperationId = "opr_";
    /// A question to a person.
    CheckpointId = "chk_";
}
