//! What a controller is started with.

use std::path::PathBuf;
use std::time::Duration;

/// Settings of a controller.
#[derive(Clone)]
pub struct Config {
    /// Database and key are here. Created when missing.
    pub data_dir: PathBuf,
    /// The secret that credentials are sealed with. Without one, `secret.key` in the data directory is used or made.
    pub secret: Option<String>,
    /// Origins of web pages, besides the controller's own, that may talk to it; `*` for every one.
    pub origins: Vec<String>,
    /// How long stopping may take.
    pub grace: Duration,
}

impl Config {
    /// The defaults, for that data directory.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            secret: None,
            origins: Vec::new(),
            grace: Duration::from_secs(10),
        }
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("data_dir", &self.data_dir)
            .field("secret", &self.secret.as_ref().map(|_| "***"))
            .field("origins", &self.origins)
            .field("grace", &self.grace)
            .finish()
    }
}
