//! Where a request comes from: the peer, or what proxies that we believe say.

use std::net::IpAddr;

use axum::http::{HeaderMap, request::Parts};

use crate::settings::Network;

/// Entries of X-Forwarded-For that are looked at.
const HOPS_MAX: usize = 32;

/// The other end of the connection, put into each request by the server.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// The client's address: walked from the right, as long as who says it is believed.
#[must_use]
pub fn address(peer: IpAddr, headers: &HeaderMap, proxies: &[Network]) -> IpAddr {
    let is_believed = |ip: IpAddr| {
        ip.to_canonical().is_loopback() || proxies.iter().any(|net| net.contains(ip.to_canonical()))
    };
    let mut current = peer;
    let hops = headers
        .get_all("x-forwarded-for")
        .iter()
        .rev()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.rsplit(','));
    for hop in hops.take(HOPS_MAX) {
        if !is_believed(current) {
            break;
        }
        let Ok(next) = hop.trim().parse::<IpAddr>() else { break };
        current = next;
    }
    current
}

/// The address of the client of this request.
#[must_use]
pub fn address_of(parts: &Parts, proxies: &[Network]) -> IpAddr {
    let peer = parts.extensions.get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0);
    address(peer, &parts.headers, proxies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_believed_proxies_say_counts() {
        let proxies = [Network { address: "10.0.0.0".parse().unwrap(), prefix: 8 }];
        for (peer, header, expected) in [
            ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
            ("127.0.0.1", "198.51.100.7", "198.51.100.7"),
            ("10.0.0.1", "198.51.100.7, 10.0.0.2", "198.51.100.7"),
            ("10.0.0.1", "6.6.6.6, 198.51.100.7", "198.51.100.7"),
            ("10.0.0.1", "junk", "10.0.0.1"),
            ("10.0.0.1", "", "10.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", header.parse().unwrap());
            let found = address(peer.parse().unwrap(), &headers, &proxies);
            assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "{peer} {header}");
        }
    }
}
