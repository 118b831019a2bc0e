//! Asks a person at the terminal. Questions go to standard error, answers come
//! from standard input; a signal ends the waiting.
//!
//! Knows nothing of what is asked.

use std::io::{self, IsTerminal as _, Write as _};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Whether somebody is there to answer.
#[must_use]
pub fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for a line. `None` at the end of input and when the program stops.
pub async fn line(question: &str, stop: &CancellationToken) -> Option<String> {
    {
        let mut talk = io::stderr().lock();
        // A question that cannot be shown is answered by the end of input.
        let _ = write!(talk, "{question} ");
        let _ = talk.flush();
    }
    let (reply, answer) = oneshot::channel();
    // A thread of its own, for nothing can interrupt it: the program does not wait
    // for it when it ends.
    std::thread::Builder::new()
        .name("answer".to_owned())
        .spawn(move || {
            let mut text = String::new();
            let read = io::stdin().read_line(&mut text);
            let _ = reply.send(read.ok().filter(|&bytes| bytes > 0).map(|_| text));
        })
        .ok()?;
    tokio::select! {
        () = stop.cancelled() => {
            // What is said next begins on a line of its own.
            crate::output::say("");
            None
        }
        text = answer => text.ok().flatten().map(|text| text.trim().to_owned()),
    }
}

/// Asks until one of the words is given, whole or by its first letter.
pub async fn choose<'w>(question: &str, words: &[&'w str], stop: &CancellationToken) -> Option<&'w str> {
    loop {
        let text = line(question, stop).await?.to_lowercase();
        let fits = |word: &&&str| !text.is_empty() && word.starts_with(&text);
        if let Some(word) = words.iter().find(fits) {
            return Some(word);
        }
        crate::output::say(&format!("Please answer with one of: {}", words.join(", ")));
    }
}

/// Asks until the answer is yes or no. Nothing but Enter is a no.
pub async fn confirm(question: &str, stop: &CancellationToken) -> bool {
    loop {
        let Some(text) = line(&format!("{question} [y/N]"), stop).await else { return false };
        match answer(&text) {
            Some(is_yes) => return is_yes,
            None => crate::output::say("Please answer y or n; Enter alone is no."),
        }
    }
}

/// What an answer means, if it is one.
fn answer(text: &str) -> Option<bool> {
    match text.trim().to_lowercase().as_str() {
        "y" | "yes" => Some(true),
        "" | "n" | "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_neither_yes_nor_no_is_asked_again() {
        assert_eq!(answer("Yes "), Some(true));
        assert_eq!((answer(""), answer("N")), (Some(false), Some(false)));
        assert_eq!((answer("resume"), answer("ye")), (None, None));
    }
}
