//! Secrets that nobody may guess: straight from the operating system. Ids are not
//! made here; they come from the port.

use crate::error::ApiError;

/// `N` random bytes as lower-case hex.
///
/// # Errors
/// When the operating system has none.
pub(crate) fn hex<const N: usize>() -> Result<String, ApiError> {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes).map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(to_hex(&bytes))
}

/// Bytes as lower-case hex.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

/// SHA-256 of a text, as hex: how secrets are kept.
pub(crate) fn sha256(text: &str) -> String {
    sha256_of(&[text.as_bytes()])
}

/// SHA-256 of all these, one after the other, as hex.
pub(crate) fn sha256_of(parts: &[&[u8]]) -> String {
    use sha2::Digest as _;
    let mut hash = sha2::Sha256::new();
    for part in parts {
        hash.update(part);
    }
    to_hex(&hash.finalize())
}
