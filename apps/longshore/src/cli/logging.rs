//! What servers tell of themselves: log lines, metrics, traces.

use clap::{Args, ValueEnum};

use crate::secret::Secret;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// What a server tells of itself.
#[derive(Debug, Clone, Args)]
pub struct Telling {
    /// How log lines are written: for people, or one JSON object a line
    #[arg(
        long,
        env = "LONGSHORE_LOG_FORMAT",
        value_enum,
        default_value = "auto",
        value_name = "FORMAT"
    )]
    pub log_format: LogFormat,
    /// Let everybody read /metrics [default: whoever shows a token, at a manager the API key]
    #[arg(long, env = "LONGSHORE_METRICS_PUBLIC")]
    pub metrics_public: bool,
    /// OpenTelemetry collector that takes traces by OTLP over HTTP, such as http://127.0.0.1:4318 [default:
    /// $OTEL_EXPORTER_OTLP_ENDPOINT; without one there are no traces]
    #[arg(long, env = "LONGSHORE_OTLP_ENDPOINT", hide_env_values = true, value_name = "URL")]
    pub otlp_endpoint: Option<Secret>,
}
