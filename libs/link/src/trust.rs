//! Which servers a link trusts, and what it shows them.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// PEM files for TLS. They are read again for each connection, so that a renewed certificate counts from the next one on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// Certificates of authorities, or of the servers themselves. With them nobody else's count; without, those that browsers know.
    pub authority: Option<PathBuf>,
    /// The client's own certificate and its key, for servers that ask for one.
    pub own: Option<(PathBuf, PathBuf)>,
}

/// What is wrong with the files.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It cannot be read, or is no PEM.
    #[error("{}: {why}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// They do not belong together, or have something that is not supported.
    #[error("{0}")]
    Together(#[from] Error),
}

impl Trust {
    /// What rustls makes of it.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn config(&self) -> Result<Arc<ClientConfig>, Unusable> {
        let provider = Arc::new(default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let builder = match &self.authority {
            None => {
                let roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
                builder.with_root_certificates(roots)
            }
            Some(path) => {
                let known = Known::read(path, provider)?;
                builder.dangerous().with_custom_certificate_verifier(Arc::new(known))
            }
        };
        let config = match &self.own {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let read =
                    PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, &error))?;
                builder.with_client_auth_cert(certificates(certificate)?, read)?
            }
        };
        Ok(Arc::new(config))
    }
}

/// Trusts servers that the authorities of a file vouch for, and those whose own certificate is in it.
///
/// A server that shows one of these has its key, so its name says nothing more: that of a machine's own controller is rarely the
/// one by which it is reached from there. And what people make at home is mostly an authority at the same time, which rules
/// for authorities forbid.
#[derive(Debug)]
struct Known {
    certificates: Vec<CertificateDer<'static>>,
    authorities: Arc<WebPkiServerVerifier>,
    provider: Arc<CryptoProvider>,
}

impl Known {
    fn read(path: &Path, provider: Arc<CryptoProvider>) -> Result<Self, Unusable> {
        let certificates = certificates(path)?;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates.iter().cloned());
        let authorities =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .map_err(|error| unusable(path, &error))?;
        Ok(Self { certificates, authorities, provider })
    }
}

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.certificates.iter().any(|known| known == end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        self.authorities.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let certificates: Vec<_> = read.map_err(|error| unusable(path, &error))?;
    if certificates.is_empty() {
        return Err(unusable(path, &"it has no certificate"));
    }
    Ok(certificates)
}

fn unusable(path: &Path, why: &impl Display) -> Unusable {
    Unusable::File { path: path.to_owned(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/tls").join(name)
    }

    fn certificate(name: &str) -> CertificateDer<'static> {
        certificates(&pem(name)).unwrap().remove(0)
    }

    fn trusts(known: &str, shown: &str, host: &str) -> bool {
        let known = Known::read(&pem(known), Arc::new(default_provider())).unwrap();
        let host = ServerName::try_from(host).unwrap().to_owned();
        known.verify_server_cert(&certificate(shown), &[], &host, &[], UnixTime::now()).is_ok()
    }

    #[test]
    fn who_is_vouched_for_needs_the_right_name_and_who_is_known_does_not() {
        assert!(trusts("authority.pem", "server.pem", "localhost"));
        assert!(!trusts("authority.pem", "server.pem", "elsewhere.test"));
        assert!(!trusts("authority.pem", "impostor.pem", "localhost"));
        assert!(!trusts("authority.pem", "client.pem", "client.test"), "it is for clients");
        assert!(trusts("home.pem", "home.pem", "127.0.0.1"));
        assert!(!trusts("home.pem", "impostor.pem", "localhost"));
    }

    #[test]
    fn files_that_are_none_are_named() {
        let own = Some((pem("client.pem"), pem("server.key")));
        assert!(Trust { authority: None, own }.config().is_err(), "they do not belong together");
        let error = Trust { authority: Some(pem("none.pem")), own: None }.config().unwrap_err();
        assert!(error.to_string().contains("none.pem"), "{error}");
        let error = Trust { authority: Some(pem("make.sh")), own: None }.config().unwrap_err();
        assert!(error.to_string().contains("no certificate"), "{error}");
        let own = Some((pem("client.pem"), pem("client.key")));
        assert!(Trust { authority: Some(pem("authority.pem")), own }.config().is_ok());
    }
}
