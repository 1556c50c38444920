//! What a controller is started with.

use std::path::PathBuf;
use std::time::Duration;

use gateway::Stop;
use protocol::NotificationKind;

/// Where push services' people reach the operator, if that was not said. A service that wants an address takes no message
/// without one, and at example.com nobody is bothered.
const NOBODY: &str = "mailto:nobody@example.com";

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
    /// Who is told when an agent needs somebody, besides browsers.
    pub webhook: Option<WebhookConfig>,
    /// `mailto:` or `https:` address where push services' people reach the operator.
    pub push_contact: String,
    /// Push to any address, by `http`, too. For tests: whoever may subscribe could reach this machine's network.
    pub push_allow_private: bool,
    /// How much connections and addresses may ask of it.
    pub bounds: gateway::Bounds,
    /// PEM files of its certificate. Without them it listens in plain text.
    pub tls: Option<gateway::tls::Files>,
    /// Where registered managers may be.
    pub reach: link::Reach,
    /// Which managers are trusted, over TLS.
    pub trust: link::Trust,
    /// Whether everybody may read `/metrics`; else whoever has an access token.
    pub metrics_public: bool,
    /// Takes the spans of commands and requests.
    pub tracer: trace::Tracer,
    /// The order to stop. Whoever keeps a clone can give it.
    pub stop: Stop,
}

/// A webhook.
#[derive(Clone)]
pub struct WebhookConfig {
    /// `http` or `https` address.
    pub url: String,
    /// What is posted is signed with it.
    pub secret: Option<String>,
    /// What it is told of.
    pub kinds: Vec<NotificationKind>,
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
            webhook: None,
            push_contact: NOBODY.to_owned(),
            push_allow_private: false,
            bounds: gateway::Bounds::default(),
            tls: None,
            reach: link::Reach::managers(Vec::new(), Vec::new()),
            trust: link::Trust::default(),
            metrics_public: false,
            tracer: trace::Tracer::default(),
            // A controller has no runs of its own that could go on.
            stop: Stop::new(Duration::ZERO),
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
            .field("webhook", &self.webhook)
            .field("push_contact", &self.push_contact)
            .field("push_allow_private", &self.push_allow_private)
            .field("bounds", &self.bounds)
            .field("tls", &self.tls)
            .field("reach", &self.reach)
            .field("trust", &self.trust)
            .field("metrics_public", &self.metrics_public)
            .field("stop", &self.stop)
            .finish_non_exhaustive()
    }
}

/// The path of a webhook's address is often its only secret.
impl std::fmt::Debug for WebhookConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookConfig")
            .field("url", &"***")
            .field("secret", &self.secret.as_ref().map(|_| "***"))
            .field("kinds", &self.kinds)
            .finish()
    }
}
