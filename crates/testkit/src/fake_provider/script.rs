//! Replies that tests write down beforehand, and what can go wrong with them.

use domain::model::{Answer, Request};
use serde::Serialize;
use serde_json::{Value, json};

/// How a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// `POST /v1/messages`.
    Anthropic,
    /// `POST /api/chat`.
    Ollama,
}

/// A request as a rule sees it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// From 1, in order of arrival.
    pub number: u64,
    /// How it spoke.
    pub dialect: Dialect,
    /// What it means.
    pub request: &'a Request,
    /// What was sent.
    pub body: &'a Value,
}

/// One reply.
#[derive(Clone, Debug)]
pub struct Reply {
    /// What to say.
    pub kind: Kind,
    /// How long to wait before the first byte.
    pub delay_ms: u64,
    /// How long a streamed answer takes from its first byte to its last.
    pub spread_ms: u64,
    /// Headers on top of the usual ones.
    pub headers: Vec<(String, String)>,
    /// What goes wrong.
    pub fault: Option<Fault>,
}

/// What a reply says.
#[derive(Clone, Debug)]
pub enum Kind {
    /// This answer, in the dialect and form that was asked for.
    Answer(Answer),
    /// Whatever the brain says.
    Brain,
    /// A refusal.
    Status {
        /// Of the response.
        status: u16,
        /// Of the response.
        body: Value,
    },
    /// These bytes with status 200; billed like a plain answer.
    Raw {
        /// Header `content-type`.
        content_type: String,
        /// The whole body.
        body: Vec<u8>,
    },
    /// No answer, ever.
    Hang,
}

/// What goes wrong with an answer. It is billed all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection breaks after so many bytes of the body.
    CutAfter(usize),
    /// Nothing follows after so many bytes of the body.
    HangAfter(usize),
    /// The body ends properly, but after so many bytes.
    EndAfter(usize),
    /// The usage is not told.
    MissingUsage,
    /// The usage is told as something absurd.
    AbsurdUsage,
    /// After so many bytes of the body nothing but pings follow, every 5 ms.
    PingsAfter(usize),
}

impl Reply {
    /// This, at once, with nothing going wrong.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self { kind, delay_ms: 0, spread_ms: 0, headers: Vec::new(), fault: None }
    }

    /// A refusal in Anthropic's form (Ollama's clients read it too).
    #[must_use]
    pub fn status(status: u16, kind: &str, message: &str) -> Self {
        let body = json!({"type": "error", "error": {"type": kind, "message": message}});
        Self::new(Kind::Status { status, body })
    }

    /// With this fault.
    #[must_use]
    pub fn fault(self, fault: Fault) -> Self {
        Self { fault: Some(fault), ..self }
    }

    /// After so long.
    #[must_use]
    pub fn delay_ms(self, delay_ms: u64) -> Self {
        Self { delay_ms, ..self }
    }

    /// Streamed over so long.
    #[must_use]
    pub fn spread_ms(self, spread_ms: u64) -> Self {
        Self { spread_ms, ..self }
    }

    /// With this header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self::new(Kind::Answer(answer))
    }
}
