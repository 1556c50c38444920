//! How a server holds strangers off: certificates, bounds and where it goes.

use std::path::PathBuf;

use clap::Args;
use ipnet::IpNet;

/// The certificate of a server.
#[derive(Debug, Clone, Args)]
pub struct Certificate {
    /// PEM file of the certificate to listen with, and those between it and its authority [default: plain text]
    #[arg(long, env = "LONGSHORE_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// PEM file of its key
    #[arg(long, env = "LONGSHORE_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
}

/// Whose certificates a manager asks for.
#[derive(Debug, Clone, Args)]
pub struct Clients {
    /// PEM file of authorities: controllers have to show a certificate of one of them, besides the key
    #[arg(long, env = "LONGSHORE_CLIENT_CA", value_name = "FILE", requires = "tls_cert")]
    pub client_ca: Option<PathBuf>,
}

/// How a controller connects to managers.
#[derive(Debug, Clone, Args)]
pub struct Links {
    /// PEM file of the authorities, or managers, that are trusted, instead of those that browsers know
    #[arg(long, env = "LONGSHORE_LINK_CA", value_name = "FILE")]
    pub link_ca: Option<PathBuf>,
    /// PEM file of the certificate that is shown to managers
    #[arg(long, env = "LONGSHORE_LINK_CERT", value_name = "FILE", requires = "link_key")]
    pub link_cert: Option<PathBuf>,
    /// PEM file of its key
    #[arg(long, env = "LONGSHORE_LINK_KEY", value_name = "FILE", requires = "link_cert")]
    pub link_key: Option<PathBuf>,
    /// Network of managers, such as 10.0.0.0/8: no others are connected to; may be given several times [default: all but links,
    /// metadata services and what is reserved]
    #[arg(long, env = "LONGSHORE_ENDPOINT_ALLOW", value_delimiter = ',', value_name = "NETWORK", value_parser = network)]
    pub endpoint_allow: Vec<IpNet>,
    /// Network that has no managers; may be given several times
    #[arg(long, env = "LONGSHORE_ENDPOINT_DENY", value_delimiter = ',', value_name = "NETWORK", value_parser = network)]
    pub endpoint_deny: Vec<IpNet>,
}

/// How much one may ask of a server. 0 is no limit.
#[derive(Debug, Clone, Args)]
pub struct Bounds {
    /// Connections in all, as far as the limit of open files goes; 0 for no other limit
    #[arg(long, env = "LONGSHORE_MAX_CONNECTIONS", default_value_t = 20_000, value_name = "N")]
    pub max_connections: usize,
    /// Connections of one address; a fifth of them may be of those that nobody was let in on
    #[arg(
        long,
        env = "LONGSHORE_MAX_CONNECTIONS_PER_ADDRESS",
        default_value_t = 10_000,
        value_name = "N"
    )]
    pub max_connections_per_address: usize,
    /// New connections of one address a second; ten times as many at once
    #[arg(long, env = "LONGSHORE_CONNECT_RATE", default_value_t = 500, value_name = "N")]
    pub connect_rate: u32,
    /// Wrong tokens or keys that an address may show until it is locked out, for longer with each
    #[arg(long, env = "LONGSHORE_MAX_GUESSES", default_value_t = 10, value_name = "N")]
    pub max_guesses: u32,
    /// Commands and requests of one token a second; ten times as many at once
    #[arg(long, env = "LONGSHORE_COMMAND_RATE", default_value_t = 20_000, value_name = "N")]
    pub command_rate: u32,
    /// Bytes of them a second
    #[arg(long, env = "LONGSHORE_BYTE_RATE", default_value_t = 32 << 20, value_name = "BYTES")]
    pub byte_rate: u32,
    /// Proxy that is believed when it says for whom it asks (X-Forwarded-For), as an address or a network; may be given several times
    #[arg(long, env = "LONGSHORE_TRUSTED_PROXY", value_delimiter = ',', value_name = "ADDRESS", value_parser = network)]
    pub trusted_proxy: Vec<IpNet>,
}

impl Certificate {
    /// What addresses of the server begin with.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls_cert.is_some() { "https" } else { "http" }
    }

    /// The files, if there are any.
    #[must_use]
    pub fn files(&self, client_authority: Option<PathBuf>) -> Option<gateway::tls::Files> {
        let (certificate, key) = (self.tls_cert.clone()?, self.tls_key.clone()?);
        Some(gateway::tls::Files { certificate, key, client_authority })
    }
}

impl Links {
    /// Where managers may be.
    #[must_use]
    pub fn reach(&self) -> link::Reach {
        link::Reach::managers(self.endpoint_allow.clone(), self.endpoint_deny.clone())
    }

    /// Which managers are trusted.
    #[must_use]
    pub fn trust(&self) -> link::Trust {
        let own = self.link_cert.clone().zip(self.link_key.clone());
        link::Trust { authority: self.link_ca.clone(), own }
    }
}

impl From<&Bounds> for gateway::Bounds {
    fn from(bounds: &Bounds) -> Self {
        Self {
            connections: bounds.max_connections,
            connections_per_address: bounds.max_connections_per_address,
            connects: bounds.connect_rate,
            guesses: bounds.max_guesses,
            commands: bounds.command_rate,
            bytes: bounds.byte_rate,
            proxies: bounds.trusted_proxy.clone(),
        }
    }
}

/// A network, or an address alone.
fn network(text: &str) -> Result<IpNet, String> {
    let alone = || text.parse().map(|address: std::net::IpAddr| address.into());
    text.parse().or_else(|_| alone()).map_err(|_| "expected an address or a network".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::{Cli, Command};
    use super::*;

    #[test]
    fn a_network_may_be_an_address() {
        assert_eq!(network("10.0.0.1").unwrap().to_string(), "10.0.0.1/32");
        assert_eq!(network("fd00::/8").unwrap().to_string(), "fd00::/8");
        for bad in ["", "10.0.0", "10.0.0.0/33", "host"] {
            assert!(network(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_library() {
        let cli = Cli::try_parse_from(["longshore", "manager"]).unwrap();
        let Command::Manager(manager) = cli.command else { panic!() };

        let ours = gateway::Bounds::from(&manager.bounds);

        assert_eq!(format!("{ours:?}"), format!("{:?}", gateway::Bounds::default()));
    }

    #[test]
    fn a_certificate_has_a_key() {
        for alone in ["--tls-cert", "--tls-key", "--client-ca"] {
            assert!(Cli::try_parse_from(["longshore", "manager", alone, "x"]).is_err(), "{alone}");
        }
        for alone in ["--link-cert", "--link-key"] {
            assert!(Cli::try_parse_from(["longshore", "up", alone, "x"]).is_err(), "{alone}");
        }
    }
}
