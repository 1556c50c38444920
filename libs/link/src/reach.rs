//! Which addresses a link may go to.
//!
//! Whoever registers a manager has the controller connect to an address of their choice, from inside its network. Managers
//! are usually there, so private addresses are fine; what is refused are addresses at which no manager can be, above all those of the
//! services that give a machine in a cloud its credentials.

use std::io;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use tokio::net::lookup_host;

/// Where no manager is: this network, links, documentation, benchmarks, groups, what is not assigned, and addresses of metadata services
/// that lie in otherwise ordinary networks. Of IPv6 also what carries an IPv4 address to somewhere else (6to4, Teredo).
const NOWHERE: [&str; 27] = [
    "0.0.0.0/8",
    "100.100.100.200/32",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "::ffff:0:0/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "2001:2::/48",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fd00:ec2::254/128",
    "fd20:ce::254/128",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

/// The rules for addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    rules: Option<Rules>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Rules {
    allow: Vec<IpNet>,
    deny: Vec<IpNet>,
}

/// Nothing that the name means may be gone to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this controller does not connect to that address")]
pub struct OutOfReach;

impl Reach {
    /// Anywhere: whoever runs the program chose the address.
    #[must_use]
    pub fn anywhere() -> Self {
        Self::default()
    }

    /// Where managers may be, but not to `deny`. With any `allow` only there, and there in any case.
    #[must_use]
    pub fn managers(allow: Vec<IpNet>, deny: Vec<IpNet>) -> Self {
        Self { rules: Some(Rules { allow, deny }) }
    }

    /// Whether this address may be gone to.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        self.rules.as_ref().is_none_or(|rules| rules.allow_address(address))
    }

    /// The addresses that a host has now and that may be gone to.
    ///
    /// # Errors
    /// The name is unknown, or has no such address: that error's source is [`OutOfReach`].
    pub(crate) async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let found: Vec<SocketAddr> = lookup_host((host, port)).await?.collect();
        let allowed: Vec<SocketAddr> =
            found.into_iter().filter(|address| self.allows(address.ip())).collect();
        if allowed.is_empty() {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, OutOfReach));
        }
        Ok(allowed)
    }
}

impl Rules {
    fn allow_address(&self, address: IpAddr) -> bool {
        let address = carried(address);
        let is_in = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&address));
        if !self.allow.is_empty() {
            return is_in(&self.allow) && !is_in(&self.deny);
        }
        !is_in(&self.deny) && !is_nowhere(address)
    }
}

/// The IPv4 address that one of IPv6 stands for: mapped, compatible, or translated by a network's gateway.
fn carried(address: IpAddr) -> IpAddr {
    const TRANSLATED: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];
    let IpAddr::V6(v6) = address.to_canonical() else { return address.to_canonical() };
    let is_compatible = v6.segments()[..6] == [0; 6] && v6.segments()[6] != 0;
    if v6.segments()[..6] == TRANSLATED || is_compatible {
        let [.., a, b, c, d] = v6.octets();
        return [a, b, c, d].into();
    }
    address
}

fn is_nowhere(address: IpAddr) -> bool {
    let network = |text: &str| text.parse::<IpNet>().is_ok_and(|net| net.contains(&address));
    NOWHERE.iter().any(|text| network(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn managers_are_on_private_networks_and_metadata_services_are_not_managers() {
        assert!(NOWHERE.iter().all(|text| text.parse::<IpNet>().is_ok()));
        let reach = Reach::managers(Vec::new(), Vec::new());
        for good in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "8.8.8.8",
            "::1",
            "fd12::1",
            "2606:4700::1111",
            "64:ff9b::a00:1",
            "::ffff:10.0.0.1",
        ] {
            assert!(reach.allows(ip(good)), "{good}");
        }
        for bad in [
            "0.0.0.0",
            "0.1.2.3",
            "100.100.100.200",
            "168.63.129.16",
            "169.254.169.254",
            "192.0.0.192",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2001::1",
            "2001:db8::1",
            "2002:a9fe:a9fe::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!reach.allows(ip(bad)), "{bad}");
            assert!(Reach::anywhere().allows(ip(bad)), "{bad}");
        }
    }

    #[test]
    fn an_operator_narrows_and_widens() {
        let narrow = Reach::managers(nets(&["10.0.0.0/8"]), nets(&["10.9.0.0/16"]));
        let denied = Reach::managers(Vec::new(), nets(&["127.0.0.0/8", "::1/128"]));
        let wide = Reach::managers(nets(&["169.254.0.0/16"]), Vec::new());

        assert!(narrow.allows(ip("10.1.1.1")) && narrow.allows(ip("::ffff:10.1.1.1")));
        assert!(!narrow.allows(ip("10.9.1.1")) && !narrow.allows(ip("8.8.8.8")));
        assert!(!denied.allows(ip("127.0.0.1")) && !denied.allows(ip("::ffff:127.0.0.1")));
        assert!(denied.allows(ip("10.1.1.1")) && !denied.allows(ip("::1")));
        assert!(wide.allows(ip("169.254.1.1")) && !wide.allows(ip("10.0.0.1")));
    }

    #[tokio::test]
    async fn a_name_is_what_its_addresses_are() {
        let denied = Reach::managers(Vec::new(), nets(&["127.0.0.0/8", "::1/128"]));

        assert!(Reach::anywhere().resolve("localhost", 80).await.is_ok());
        let error = denied.resolve("localhost", 80).await.unwrap_err();
        assert!(
            error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<OutOfReach>)
        );
        // As old programs write addresses.
        let reach = Reach::managers(Vec::new(), Vec::new());
        for name in ["2852039166", "0xa9fea9fe", "169.254.43518"] {
            assert!(reach.resolve(name, 80).await.is_err(), "{name}");
        }
    }
}
