//! Passwords: hashed with Argon2id, off the async threads, a few at a time, so
//! that any number of sign-ins leaves the rest of the server fast. Hashes of the
//! prototype (bcrypt) are still verified.

use std::sync::Arc;

use argon2::{Argon2, PasswordHash, PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::{OnceCell, Semaphore};

use crate::error::ApiError;

/// Whether a password is the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// It is.
    Right,
    /// It is, and its hash should be replaced by one of ours.
    RightButOld,
    /// It is not.
    Wrong,
}

/// Makes and checks hashes.
pub struct Passwords {
    permits: Arc<Semaphore>,
    /// Checked when there is no account, so that the answer takes as long.
    dummy: OnceCell<String>,
}

impl Default for Passwords {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { permits: Arc::new(Semaphore::new(cores.saturating_sub(1).max(1))), dummy: OnceCell::new() }
    }
}

impl Passwords {
    /// A fresh hash.
    ///
    /// # Errors
    /// When the hasher fails: a defect, or no memory.
    pub async fn hash(&self, password: String) -> Result<String, ApiError> {
        self.run(move || make(&password)).await?.map_err(ApiError::internal)
    }

    /// Compares a password with a hash, or with nothing in the same time.
    ///
    /// # Errors
    /// When the hasher fails.
    pub async fn check(&self, password: String, hash: Option<&str>) -> Result<Check, ApiError> {
        let Some(hash) = hash.map(str::to_owned) else {
            let dummy = self.dummy.get_or_try_init(|| self.hash("no such account".to_owned())).await?.clone();
            self.run(move || verify(&password, &dummy)).await?;
            return Ok(Check::Wrong);
        };
        self.run(move || verify(&password, &hash)).await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(ApiError::internal)?;
        tokio::task::spawn_blocking(move || {
            let result = work();
            drop(permit);
            result
        })
        .await
        .map_err(ApiError::internal)
    }
}

/// Argon2id with 19 MiB and two passes: the library's defaults, which a test pins.
fn make(password: &str) -> Result<String, String> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|e| e.to_string())
}

fn verify(password: &str, hash: &str) -> Check {
    if hash.starts_with("$2") {
        return match bcrypt::verify(password, hash) {
            Ok(true) => Check::RightButOld,
            Ok(false) | Err(_) => Check::Wrong,
        };
    }
    let Ok(hash) = PasswordHash::new(hash) else {
        tracing::error!("a stored password hash has an unknown form");
        return Check::Wrong;
    };
    match Argon2::default().verify_password(password.as_bytes(), &hash) {
        Ok(()) => Check::Right,
        Err(_) => Check::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn right_and_wrong_passwords_are_told_apart() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let check = |password: &str, hash: Option<&str>| {
            let (password, hash) = (password.to_owned(), hash.map(str::to_owned));
            let passwords = &passwords;
            async move { passwords.check(password, hash.as_deref()).await.unwrap() }
        };
        assert_eq!(check("correct horse", Some(&hash)).await, Check::Right);
        assert_eq!(check("correct house", Some(&hash)).await, Check::Wrong);
        assert_eq!(check("correct horse", None).await, Check::Wrong);
        assert_eq!(check("correct horse", Some("junk")).await, Check::Wrong);
    }

    #[tokio::test]
    async fn the_prototypes_hashes_are_right_but_old() {
        let passwords = Passwords::default();
        let hash = bcrypt::hash("correct horse", 4).unwrap();
        assert_eq!(
            passwords.check("correct horse".to_owned(), Some(&hash)).await.unwrap(),
            Check::RightButOld
        );
        assert_eq!(passwords.check("wrong".to_owned(), Some(&hash)).await.unwrap(), Check::Wrong);
    }
}
