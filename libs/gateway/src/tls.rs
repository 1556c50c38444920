//! The certificate that a server shows, as its files have it now.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long a handshake may take. As long as headers may.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How often the files are looked at. Certificates are renewed weeks before they end.
const LOOK: Duration = Duration::from_secs(5);

/// PEM files of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// Its certificate, and those between it and an authority that clients know.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Certificates of authorities. With them, whoever connects has to show a certificate of one of them.
    pub client_authority: Option<PathBuf>,
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
    Together(#[from] rustls::Error),
}

/// Accepts TLS connections, with what the files had when they were last sound.
#[derive(Debug, Clone)]
pub struct Tls(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    files: Files,
    // Held to clone or to replace it.
    current: RwLock<Arc<ServerConfig>>,
}

/// When each file was last changed, and how large it is.
type Stamp = Vec<Option<(SystemTime, u64)>>;

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn load(files: Files) -> Result<Self, Unusable> {
        let current = RwLock::new(Arc::new(read(&files)?));
        Ok(Self(Arc::new(Shared { files, current })))
    }

    /// Shakes hands.
    pub(crate) async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let config = Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner));
        let late = || io::Error::new(io::ErrorKind::TimedOut, "the handshake took too long");
        timeout(HANDSHAKE, TlsAcceptor::from(config).accept(stream)).await.map_err(|_| late())?
    }

    /// Reads the files again. What is wrong leaves everything as it is.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn reload(&self) -> Result<(), Unusable> {
        let config = Arc::new(read(&self.0.files)?);
        *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// Reads the files again whenever they change, for as long as it is polled.
    pub(crate) async fn watch(&self) {
        let mut known = stamp(&self.0.files);
        let mut look = tokio::time::interval(LOOK);
        loop {
            look.tick().await;
            let now = stamp(&self.0.files);
            if now == known {
                continue;
            }
            known = now;
            match self.reload() {
                Ok(()) => tracing::info!("certificate reloaded"),
                // Perhaps one of two files is not written yet: that is another change.
                Err(error) => tracing::error!(%error, "the changed certificate cannot be used"),
            }
        }
    }
}

fn stamp(files: &Files) -> Stamp {
    let paths = [Some(&files.certificate), Some(&files.key), files.client_authority.as_ref()];
    let of = |path: &PathBuf| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    paths.into_iter().flatten().map(of).collect()
}

fn read(files: &Files) -> Result<ServerConfig, Unusable> {
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = match &files.client_authority {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate)?;
            }
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| unusable(path, &error))?)
        }
    };
    let key =
        PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unusable(&files.key, &error))?;
    let mut config = builder.with_single_cert(certificates(&files.certificate)?, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let certificates: Vec<_> = read.map_err(|error| unusable(path, &error))?;
    if certificates.is_empty() {
        return Err(unusable(path, &"it has no certificate"));
    }
    Ok(certificates)
}

fn unusable(path: &Path, why: &impl std::fmt::Display) -> Unusable {
    Unusable::File { path: path.to_owned(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: [&str; 2] = [
        include_str!("../../../tests/tls/server.pem"),
        include_str!("../../../tests/tls/server.key"),
    ];
    const OTHER: [&str; 2] =
        [include_str!("../../../tests/tls/home.pem"), include_str!("../../../tests/tls/home.key")];

    fn write(files: &Files, [certificate, key]: [&str; 2]) {
        std::fs::write(&files.certificate, certificate).unwrap();
        std::fs::write(&files.key, key).unwrap();
    }

    fn files(directory: &Path) -> Files {
        let at = |name: &str| directory.join(name);
        Files { certificate: at("cert.pem"), key: at("key.pem"), client_authority: None }
    }

    #[test]
    fn a_pair_that_does_not_fit_leaves_the_old_one() {
        let directory = tempfile::tempdir().unwrap();
        let files = files(directory.path());
        write(&files, ONE);
        let tls = Tls::load(files.clone()).unwrap();
        let config = || Arc::as_ptr(&tls.0.current.read().unwrap());
        let before = config();

        write(&files, [OTHER[0], ONE[1]]);

        assert!(tls.reload().is_err());
        assert_eq!(config(), before);
        write(&files, OTHER);
        tls.reload().unwrap();
        assert_ne!(config(), before);
    }

    #[test]
    fn files_that_are_none_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let files = files(directory.path());
        assert!(Tls::load(files.clone()).unwrap_err().to_string().contains("key.pem"));
        write(&files, ONE);
        std::fs::write(&files.certificate, "").unwrap();

        let error = Tls::load(files.clone()).unwrap_err().to_string();

        assert!(error.contains("cert.pem") && error.contains("no certificate"), "{error}");
        write(&files, ONE);
        let client_authority = Some(directory.path().join("none.pem"));
        let error = Tls::load(Files { client_authority, ..files }).unwrap_err().to_string();
        assert!(error.contains("none.pem"), "{error}");
    }
}
