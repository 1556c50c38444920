//! Which addresses may be dialled.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far a poster goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses only. Where a stranger chooses the address, the server must not be a way into its own network.
    Public,
    /// Any address, where whoever runs the server chose it.
    Anywhere,
}

impl Reach {
    /// Whether this address may be dialled.
    #[must_use]
    pub fn allows(self, address: IpAddr) -> bool {
        self == Self::Anywhere
            || match address {
                IpAddr::V4(address) => is_public_v4(address),
                IpAddr::V6(address) => is_public_v6(address),
            }
    }
}

/// Not one of the ranges that IANA has set aside.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_shared = a == 100 && b & 0xc0 == 64;
    let is_assigned_to_protocols = (a, b, c) == (192, 0, 0);
    let is_benchmark = a == 198 && b & 0xfe == 18;
    !(a == 0
        || a >= 224
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || is_shared
        || is_assigned_to_protocols
        || is_benchmark)
}

/// Global unicast, and of what carries an IPv4 address only the translation by a network's own gateway.
fn is_public_v6(address: Ipv6Addr) -> bool {
    const TRANSLATED: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];
    let segments = address.segments();
    if segments[..6] == TRANSLATED {
        let [.., a, b, c, d] = address.octets();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    let is_global = segments[0] & 0xe000 == 0x2000;
    let is_assigned_to_protocols = segments[0] == 0x2001 && segments[1] < 0x200; // tunnels among them
    let is_documentation = (segments[0], segments[1]) == (0x2001, 0xdb8)
        || segments[0] == 0x3fff && segments[1] < 0x1000;
    let is_tunnel = segments[0] == 0x2002;
    is_global && !is_assigned_to_protocols && !is_documentation && !is_tunnel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for public in
            ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::808:808"]
        {
            assert!(Reach::Public.allows(public.parse().unwrap()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
        ] {
            let address = private.parse().unwrap();
            assert!(!Reach::Public.allows(address), "{private}");
            assert!(Reach::Anywhere.allows(address), "{private}");
        }
    }
}
