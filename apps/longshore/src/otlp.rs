//! Traces on their way to a collector: OTLP as JSON over HTTP.
//!
//! A thread of its own takes what is finished and posts it. It never holds up anything: spans that come while the collector is slow
//! or away wait in a bounded queue, and beyond that they are dropped and counted. What was not taken is not tried again.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use trace::{Finished, Meters, Tracer, export};

use crate::secret::Secret;

/// Spans in one request.
const BATCH: usize = 512;
/// How long the first of a batch waits for others.
const GATHER: Duration = Duration::from_secs(1);
/// How long the collector may take for a batch.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the end of the process waits for the last batch.
const GOODBYE: Duration = Duration::from_secs(2);

/// Where the collector is, what it wants to be told with each request, and who we are.
#[derive(Clone, PartialEq, Eq)]
struct Collector {
    url: String,
    headers: Vec<(String, String)>,
    resource: Vec<(String, String)>,
}

/// The thread that exports. Dropping it waits for what is finished, for a moment.
#[derive(Debug)]
pub struct Exporter {
    tracer: Tracer,
    thread: Option<thread::JoinHandle<()>>,
}

/// A tracer for the collector of the settings or of the environment, if there is one; else one that is off.
///
/// # Errors
/// The address is none.
pub fn begin(endpoint: Option<&Secret>) -> anyhow::Result<(Tracer, Exporter)> {
    let endpoint = endpoint.map(|Secret(url)| url.as_str());
    let Some(collector) = Collector::find(endpoint, |name| std::env::var(name).ok())? else {
        let tracer = Tracer::default();
        return Ok((tracer.clone(), Exporter { tracer, thread: None }));
    };
    let (tracer, finished) = Tracer::new();
    let meters = tracer.meters().clone();
    let export = move || collector.run(&finished, &meters);
    let thread = thread::Builder::new().name("otlp".to_owned()).spawn(export);
    let thread = Some(thread.context("start the thread that exports traces")?);
    Ok((tracer.clone(), Exporter { tracer, thread }))
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take().filter(|_| self.tracer.end()) else { return };
        let end = Instant::now() + GOODBYE;
        while !thread.is_finished() && Instant::now() < end {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Collector {
    /// By the setting, else by the variables that all programs with OpenTelemetry read.
    fn find(
        endpoint: Option<&str>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Option<Self>> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        if set("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let below = |base: &str| format!("{}/v1/traces", base.trim_end_matches('/'));
        let url = match endpoint.filter(|endpoint| !endpoint.is_empty()) {
            Some(endpoint) if endpoint.ends_with("/v1/traces") => Some(endpoint.to_owned()),
            Some(endpoint) => Some(below(endpoint)),
            None => set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
                .or_else(|| set("OTEL_EXPORTER_OTLP_ENDPOINT").map(|base| below(&base))),
        };
        let Some(url) = url else { return Ok(None) };
        let is_http = url.starts_with("http://") || url.starts_with("https://");
        ensure!(is_http, "the address of the collector begins with http:// or https://");
        let pairs = |name| set(name).map(|text| pairs(&text)).unwrap_or_default();
        let headers = pairs("OTEL_EXPORTER_OTLP_HEADERS");
        let mut resource = pairs("OTEL_RESOURCE_ATTRIBUTES");
        resource.retain(|(name, _)| name != "service.name");
        let service = set("OTEL_SERVICE_NAME").unwrap_or_else(|| "longshore".to_owned());
        resource.push(("service.name".to_owned(), service));
        resource.push(("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()));
        Ok(Some(Self { url, headers, resource }))
    }

    fn run(&self, finished: &Receiver<Option<Finished>>, meters: &Meters) {
        let config = ureq::Agent::config_builder().timeout_global(Some(PATIENCE));
        let agent: ureq::Agent = config.build().into();
        let (mut is_taken, mut goes_on) = (true, true);
        while goes_on && let Ok(Some(first)) = finished.recv() {
            let batch;
            (batch, goes_on) = gather(first, finished);
            let posted = self.post(&agent, &batch);
            meters.exported(batch.len(), posted.is_ok());
            // Said when it changes: a collector that is away is away for thousands of spans.
            match posted {
                Err(error) if is_taken => {
                    let error = error.to_string();
                    tracing::warn!(error, "the collector does not take traces");
                    is_taken = false;
                }
                Ok(()) if !is_taken => {
                    tracing::info!("the collector takes traces again");
                    is_taken = true;
                }
                _ => {}
            }
        }
    }

    fn post(&self, agent: &ureq::Agent, batch: &[Finished]) -> Result<(), ureq::Error> {
        let body = export::otlp(&self.resource, batch).to_string();
        let mut request = agent.post(&self.url).header("content-type", "application/json");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.send(body).map(drop)
    }
}

/// A batch, and whether others may follow.
fn gather(first: Finished, finished: &Receiver<Option<Finished>>) -> (Vec<Finished>, bool) {
    let mut batch = vec![first];
    let end = Instant::now() + GATHER;
    while batch.len() < BATCH {
        match finished.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(Some(span)) => batch.push(span),
            Ok(None) | Err(RecvTimeoutError::Disconnected) => return (batch, false),
            Err(RecvTimeoutError::Timeout) => break,
        }
    }
    (batch, true)
}

/// `name=value,name=value`, values with their bytes as `%41`.
fn pairs(text: &str) -> Vec<(String, String)> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), decoded(value.trim()))).collect()
}

fn decoded(value: &str) -> String {
    let mut parts = value.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let byte = part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => {
                bytes.push(b'%');
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(endpoint: Option<&str>, variables: &[(&str, &str)]) -> Option<Collector> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Collector::find(endpoint, variable).unwrap()
    }

    #[test]
    fn without_an_address_there_are_no_traces() {
        assert!(find(None, &[]).is_none());
        assert!(find(None, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]).is_none());
        assert!(find(Some("http://c"), &[("OTEL_SDK_DISABLED", "true")]).is_none());
        assert!(Collector::find(Some("c:4317"), |_| None).is_err());
    }

    #[test]
    fn the_setting_counts_before_the_environment() {
        let standard = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://env:4318/");
        let url = |endpoint, variables: &[_]| find(endpoint, variables).unwrap().url;

        assert_eq!(url(None, &[standard]), "http://env:4318/v1/traces");
        assert_eq!(url(Some("http://c"), &[standard]), "http://c/v1/traces");
        assert_eq!(url(Some("http://c/v1/traces"), &[]), "http://c/v1/traces");
        let exact = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://exact/x");
        assert_eq!(url(None, &[standard, exact]), "http://exact/x");
    }

    #[test]
    fn headers_and_names_are_those_of_the_standard() {
        let collector = find(
            Some("http://c"),
            &[
                ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%3Db, x=50%"),
                ("OTEL_SERVICE_NAME", "relay"),
                ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,host=h"),
            ],
        );

        let collector = collector.unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(collector.headers, [pair("api-key", "a=b"), pair("x", "50%")]);
        assert_eq!(collector.resource[..2], [pair("host", "h"), pair("service.name", "relay")]);
    }
}
