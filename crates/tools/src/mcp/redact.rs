//! Takes a server's own secrets out of whatever it says: a server may print its
//! variables, or answer with the header it was sent.

use secrecy::{ExposeSecret as _, SecretString};

use super::config::Transport;

/// Shorter values are no secrets (`1`, `true`) and would spoil ordinary text.
const SECRET_BYTES_MIN: usize = 6;
/// Stands in the place of a secret.
const MARK: &str = "[secret]";

/// The secrets of one server.
#[derive(Clone, Default)]
pub(super) struct Redaction(Vec<SecretString>);

impl Redaction {
    pub(super) fn new(transport: &Transport) -> Self {
        let values = match transport {
            Transport::Stdio { env, .. } => env.values(),
            Transport::Http { headers, .. } => headers.values(),
        };
        let mut secrets: Vec<SecretString> = values.cloned().collect();
        // `Bearer abc` is sent whole and may come back without its first word.
        for value in values_after_scheme(&secrets) {
            secrets.push(value);
        }
        if let Transport::Http { url, .. } = transport
            && let Ok(url) = reqwest::Url::parse(url)
        {
            secrets.extend(url.password().map(SecretString::from));
            secrets.extend(url.query_pairs().map(|(_, value)| SecretString::from(value.into_owned())));
        }
        secrets.retain(|secret| secret.expose_secret().len() >= SECRET_BYTES_MIN);
        // Longer ones first: one may contain another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
        Self(secrets)
    }

    pub(super) fn apply(&self, mut text: String) -> String {
        for secret in &self.0 {
            if text.contains(secret.expose_secret()) {
                text = text.replace(secret.expose_secret(), MARK);
            }
        }
        text
    }
}

fn values_after_scheme(secrets: &[SecretString]) -> Vec<SecretString> {
    let rest =
        |secret: &SecretString| secret.expose_secret().split_once(' ').map(|(_, rest)| rest.to_owned());
    secrets.iter().filter_map(rest).map(SecretString::from).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn secrets_of_headers_variables_and_urls_are_taken_out() {
        let headers = BTreeMap::from([("authorization".to_owned(), SecretString::from("Bearer tok-canary"))]);
        let url = "http://u:pass-canary@127.0.0.1/x?key=query-canary&v=1".to_owned();
        let redaction = Redaction::new(&Transport::Http { url, headers });
        let text = redaction.apply("Bearer tok-canary tok-canary pass-canary query-canary 1".to_owned());
        assert_eq!(text, "[secret] [secret] [secret] [secret] 1");
    }
}
