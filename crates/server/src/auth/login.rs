//! Signing in. Whatever is wrong, the answer is the same and takes as long. After
//! a few wrong passwords an address has to wait, longer each time: for one account,
//! so that nobody else is kept out of it, and, later, for any account.

use std::net::IpAddr;

use domain::time::Timestamp;
use store::{LoginFailures, User};

use super::password::Check;
use crate::error::ApiError;
use crate::rate::Subject;
use crate::state::State;

/// The first wait, in milliseconds; each further failure doubles it.
const FIRST_WAIT_MS: u64 = 15_000;

/// An address may fail so many times more than one account from it.
const ADDRESS_FACTOR: u32 = 10;

/// The account that these credentials belong to.
///
/// # Errors
/// 401, whatever is wrong.
pub async fn check(state: &State, email: &str, password: String, from: IpAddr) -> Result<User, ApiError> {
    const REFUSED: ApiError = ApiError::unauthorized("Invalid email or password");
    let now = state.now();
    let threshold = state.settings.lockout_threshold.max(1);
    let subjects = subjects(email, from);
    let limits = [threshold, threshold.saturating_mul(ADDRESS_FACTOR)];
    let mut is_locked = false;
    for (subject, limit) in subjects.iter().zip(limits) {
        let failures = state.store.find_login_failures(subject).await?;
        is_locked |= failures.is_some_and(|failures| is_waiting(state, failures, limit, now));
    }
    let user = if is_locked { None } else { state.store.find_user_by_email(email).await? };
    // The time must not tell which of them it was.
    let usable = user.filter(|user| user.is_active && user.password_hash.is_some());
    let hash = usable.as_ref().and_then(|user| user.password_hash.as_deref());
    let kept = password.clone();
    let result = state.passwords.check(password, hash).await?;
    let (Some(user), Check::Right | Check::RightButOld) = (usable, result) else {
        for subject in &subjects {
            state.store.count_login_failure(subject, now).await?;
        }
        return Err(REFUSED);
    };
    if result == Check::RightButOld {
        let hash = state.passwords.hash(kept).await?;
        state.store.set_password_hash(&user.id, hash, now).await?;
    }
    forget(state, &subjects[0], now).await?;
    state.store.touch_last_login(&user.id, now).await?;
    Ok(user)
}

async fn forget(state: &State, subject: &str, now: Timestamp) -> Result<(), ApiError> {
    let window = i64::try_from(state.settings.lockout_window.as_millis()).unwrap_or(i64::MAX);
    if state.store.find_login_failures(subject).await?.is_some() {
        let before = Timestamp(now.0.saturating_sub(window));
        state.store.clear_login_failures(subject, before).await?;
    }
    Ok(())
}

fn subjects(email: &str, from: IpAddr) -> [String; 2] {
    let address = match Subject::address(from) {
        Subject::Address(address) => address.to_string(),
        Subject::User(_) => String::new(),
    };
    [format!("account:{} {address}", email.to_lowercase()), format!("address:{address}")]
}

/// Whether somebody who has failed so often has to wait still.
fn is_waiting(state: &State, failures: LoginFailures, limit: u32, now: Timestamp) -> bool {
    let window = u64::try_from(state.settings.lockout_window.as_millis()).unwrap_or(u64::MAX);
    let since = now.ms_since(failures.last_at);
    if since >= window {
        return false;
    }
    failures.failures.checked_sub(limit).is_some_and(|over| {
        let wait = FIRST_WAIT_MS.saturating_mul(1u64.checked_shl(over).unwrap_or(u64::MAX)).min(window);
        since < wait
    })
}
