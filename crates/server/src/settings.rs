//! What the server is told of the configuration. Plain values: defaults, files and
//! environment are the command line's concern.

use std::net::IpAddr;
use std::time::Duration;

use secrecy::SecretString;

/// So many requests in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests; 0 means no limit.
    pub count: u32,
    /// In this time.
    pub per: Duration,
}

impl Rate {
    /// So many a minute.
    #[must_use]
    pub const fn per_minute(count: u32) -> Self {
        Self { count, per: Duration::from_secs(60) }
    }
}

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Any address in it.
    pub address: IpAddr,
    /// How many leading bits are fixed.
    pub prefix: u8,
}

impl Network {
    /// Whether the address is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                let shift = 32 - u32::from(self.prefix.min(32));
                let bits = |ip: std::net::Ipv4Addr| u64::from(u32::from(ip)) >> shift;
                bits(net) == bits(ip)
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                let shift = 128 - u32::from(self.prefix.min(128));
                let bits = |ip: std::net::Ipv6Addr| u128::from(ip).checked_shr(shift).unwrap_or(0);
                bits(net) == bits(ip)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// Configuration of the server.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Origins whose pages may call the API; `*` means all.
    pub cors_origins: Vec<String>,
    /// Requests per user or address and route.
    pub rate_limit: Rate,
    /// Planning requests per user.
    pub plan_rate_limit: Rate,
    /// Registrations, logins and refreshes, each per address.
    pub auth_rate_limit: Rate,
    /// Proxies whose X-Forwarded-For is believed, besides loopback.
    pub trusted_proxies: Vec<Network>,
    /// Signs tokens.
    pub secret_key: SecretString,
    /// Validity of an access token.
    pub access_token: Duration,
    /// Validity of a refresh token.
    pub refresh_token: Duration,
    /// Validity of a ticket for an event stream.
    pub sse_token: Duration,
    /// Whether strangers may make an account.
    pub is_registration_allowed: bool,
    /// Failed logins of one account from one address until it has to wait.
    pub lockout_threshold: u32,
    /// In which they are counted; also the longest wait.
    pub lockout_window: Duration,
    /// For requests in flight when the server is told to stop.
    pub shutdown_grace: Duration,
}

impl ServerSettings {
    /// The defaults of the configuration's table, with this key.
    #[must_use]
    pub fn new(secret_key: SecretString) -> Self {
        Self {
            cors_origins: Vec::new(),
            rate_limit: Rate::per_minute(60),
            plan_rate_limit: Rate::per_minute(5),
            auth_rate_limit: Rate::per_minute(5),
            trusted_proxies: Vec::new(),
            secret_key,
            access_token: Duration::from_secs(30 * 60),
            refresh_token: Duration::from_secs(7 * 24 * 60 * 60),
            sse_token: Duration::from_secs(60),
            is_registration_allowed: true,
            lockout_threshold: 5,
            lockout_window: Duration::from_secs(15 * 60),
            shutdown_grace: Duration::from_secs(10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_their_own_addresses_only() {
        let net = |text: &str, prefix| Network { address: text.parse().unwrap(), prefix };
        for (network, address, is_inside) in [
            (net("10.1.0.0", 16), "10.1.255.3", true),
            (net("10.1.0.0", 16), "10.2.0.1", false),
            (net("0.0.0.0", 0), "8.8.8.8", true),
            (net("192.0.2.7", 32), "192.0.2.8", false),
            (net("::", 0), "2001:db8::1", true),
            (net("2001:db8::", 64), "2001:db8::ffff", true),
            (net("2001:db8::", 64), "2001:db8:0:1::", false),
            (net("::", 0), "10.0.0.1", false),
        ] {
            assert_eq!(network.contains(address.parse().unwrap()), is_inside, "{network:?} {address}");
        }
    }
}
