//! Which addresses a page may have: the text is checked before it is parsed, what
//! was parsed is checked again. Nothing is resolved here. Pure.

use std::net::IpAddr;

use reqwest::Url;

use super::FetchPolicy;

/// Longest address, in bytes.
const URL_BYTES_MAX: usize = 2_048;
/// Names that mean this machine or the network around it, whoever answers for them.
const LOCAL_SUFFIXES: [&str; 9] = [
    "localhost",
    "local",
    "internal",
    "intranet",
    "lan",
    "home.arpa",
    "localdomain",
    "metadata",
    "instance-data",
];

/// What is to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The whole address.
    pub url: Url,
    /// The name, or the address as the parser understood it.
    pub host: String,
    /// What is given in place of a name.
    pub literal: Option<IpAddr>,
    /// The port.
    pub port: u16,
}

/// Checks an address that a model or a redirect gave.
///
/// # Errors
/// Why it is refused.
pub fn check(text: &str, policy: &FetchPolicy) -> Result<Target, String> {
    let refuse = |why: &str| Err(why.to_owned());
    if text.len() > URL_BYTES_MAX {
        return refuse("it is longer than 2048 bytes");
    }
    // Parsers repair these, and not all in the same way.
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return refuse("it contains a blank, a control character or a backslash");
    }
    let Ok(url) = Url::parse(text) else { return refuse("it is no address") };
    check_url(url, policy)
}

/// The same for one that is parsed.
///
/// # Errors
/// Why it is refused.
pub fn check_url(url: Url, policy: &FetchPolicy) -> Result<Target, String> {
    let refuse = |why: &str| Err(why.to_owned());
    match url.scheme() {
        "https" => {}
        "http" if policy.is_http_allowed => {}
        "http" => return refuse("only https is allowed"),
        _ => return refuse("only web addresses are allowed"),
    }
    let authority = &url.as_str()[url.scheme().len() + 3..];
    let authority = authority.split(['/', '?']).next().unwrap_or_default();
    if !url.username().is_empty() || url.password().is_some() || authority.contains('@') {
        return refuse("it contains a user name");
    }
    let Some(host) = url.host_str().map(str::to_ascii_lowercase) else { return refuse("it names no host") };
    let Some(port) = url.port_or_known_default() else { return refuse("it names no port") };
    if !policy.ports.contains(&port) {
        return refuse("only the ports 80 and 443 are allowed");
    }
    if host.ends_with('.') {
        return refuse("the host ends with a dot");
    }
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    match literal {
        Some(address) if !(policy.is_address_allowed)(address) => {
            return refuse("the address is not on the public internet");
        }
        Some(_) => {}
        None if is_local(&host) => return refuse("the host is a name inside a network"),
        None => {}
    }
    if !policy.hosts.iter().any(|pattern| is_listed(&host, pattern)) {
        return refuse("the host is not on the list of allowed hosts");
    }
    Ok(Target { url, host, literal, port })
}

fn is_local(host: &str) -> bool {
    let is_suffix = |suffix: &&str| host.strip_suffix(*suffix).is_some_and(|rest| rest.ends_with('.'));
    // A name without a dot is completed by the network that the machine is in.
    !host.contains('.') || LOCAL_SUFFIXES.iter().any(is_suffix)
}

/// `example.org` is that host alone, `*.example.org` all beneath it, `*` any.
fn is_listed(host: &str, pattern: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    match pattern.strip_prefix('*') {
        Some("") => true,
        Some(suffix) if suffix.starts_with('.') => host.len() > suffix.len() && host.ends_with(suffix),
        _ => host == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(hosts: &[&str]) -> FetchPolicy {
        FetchPolicy { hosts: hosts.iter().map(|host| (*host).to_owned()).collect(), ..FetchPolicy::default() }
    }

    #[test]
    fn b59_to_b65_addresses_that_are_refused() {
        for url in [
            "",
            "x",
            "//example.org",
            "https://",
            "https://?",
            "javascript:1",
            "data:,x",
            "file:///etc/passwd",
            "ftp://example.org/",
            "ext::sh",
            "gopher://example.org/",
            "http://example.org/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://[::1]/",
            "https://0.0.0.0/",
            "https://0/",
            "https://169.254.169.254/latest/meta-data",
            "https://[::ffff:169.254.169.254]/",
            "https://[64:ff9b::a9fe:a9fe]/",
            "https://[2002:7f00:1::]/",
            "https://100.64.0.1/",
            "https://198.18.0.1/",
            "https://224.0.0.1/",
            "https://[ff02::1]/",
            "https://metadata.google.internal/",
            "https://metadata/",
            "https://localhost/",
            "https://a.localhost/",
            "https://printer.local/",
            "https://intranet/",
            "https://user@example.org/",
            "https://user:pw@example.org/",
            "https://example.org@evil.com/",
            "https://example.org#@evil.com/\u{0}",
            "https://evil.com#@example.org",
            "https://evil.com/",
            "https://example.org.evil.com/",
            "https://evilexample.org/",
            "https:\\\\example.org\\",
            "https://example.org\\@evil.com/",
            "https://exam\tple.org/",
            "https://example.org /",
            " https://example.org/",
            "https://example.org\n/",
            "https://example.org./",
            "https://example.org:22/",
            "https://example.org:6379/",
            "https://example.org:0/",
            "https://example.org:65536/",
            "https://example.org:99999/",
            "https://①②⑦.0.0.1/",
            "https://127。0。0。1/",
            "https://%31%32%37.0.0.1/",
        ] {
            assert!(check(url, &policy(&["example.org", "*.example.org"])).is_err(), "{url}");
            if !url.contains("evil") {
                assert!(check(url, &policy(&["*"])).is_err(), "{url} with every host allowed");
            }
        }
        let long = format!("https://example.org/{}", "a".repeat(3_000));
        assert!(check(&long, &policy(&["*"])).is_err());
    }

    #[test]
    fn allowed_hosts_pass() {
        for (url, host) in [
            ("https://example.org/a?b=@c", "example.org"),
            ("https://EXAMPLE.org:443", "example.org"),
            ("https://docs.example.org/", "*.example.org"),
            ("https://8.8.8.8/", "8.8.8.8"),
            ("https://[2606:4700::1111]/", "*"),
        ] {
            assert!(check(url, &policy(&[host])).is_ok(), "{url}");
        }
        assert!(check("https://example.org/", &policy(&["*.example.org"])).is_err());
        assert!(check("https://example.org/", &policy(&[])).is_err());
        let http = FetchPolicy { is_http_allowed: true, ..policy(&["example.org"]) };
        assert_eq!(check("http://example.org/", &http).map(|target| target.port), Ok(80));
    }
}
