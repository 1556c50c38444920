//! The page that a Prometheus server reads, and what it says of the process itself.

use std::fmt;
use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::header;
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use rustix::time::{ClockId, clock_gettime};

/// What Prometheus asks for since version 2.5; it reads as text format 0.0.4, too.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A registry of one server, with what its process uses. `fill` adds the rest, whose names begin with `longshore_`.
#[must_use]
pub fn registry(
    tier: &'static str,
    version: &'static str,
    fill: impl FnOnce(&mut Registry),
) -> Registry {
    let mut registry = Registry::with_labels([("tier".into(), tier.into())].into_iter());
    registry.register_collector(Box::new(Process { started: SystemTime::now() }));
    let own = registry.sub_registry_with_prefix("longshore");
    own.register("build", "What was built", Info::new([("version", version)]));
    fill(own);
    registry
}

/// The page.
#[must_use]
pub fn page(registry: &Registry) -> Response {
    let mut page = String::with_capacity(32 << 10);
    // Only a collector could fail, and ours does not.
    text::encode(&mut page, registry).unwrap_or_default();
    ([(header::CONTENT_TYPE, OPEN_METRICS), (header::CACHE_CONTROL, "no-store")], page)
        .into_response()
}

/// Names as every exporter has them. Read when asked for.
#[derive(Debug)]
struct Process {
    started: SystemTime,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let spent = Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default();
        let cpu = ConstCounter::new(spent.as_secs_f64());
        let help = "Processor time that the process has used";
        cpu.encode(encoder.encode_descriptor(
            "process_cpu",
            help,
            Some(&Unit::Seconds),
            cpu.metric_type(),
        )?)?;
        let started = self.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (virtual_memory, memory) = memory();
        let gauges = [
            (
                "process_start_time",
                "When the server began, since 1970",
                Some(Unit::Seconds),
                started.as_secs_f64(),
            ),
            ("process_resident_memory", "Memory that is resident", Some(Unit::Bytes), memory),
            ("process_virtual_memory", "Memory that is mapped", Some(Unit::Bytes), virtual_memory),
            ("process_open_fds", "Open file descriptors", None, entries("/proc/self/fd")),
            ("process_max_fds", "File descriptors that may be open", None, max_fds()),
            ("process_threads", "Threads", None, entries("/proc/self/task")),
            ("longshore_tasks", "Tasks of the runtime", None, crate::server::tasks() as f64),
        ];
        for (name, help, unit, value) in gauges {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(
                name,
                help,
                unit.as_ref(),
                gauge.metric_type(),
            )?)?;
        }
        Ok(())
    }
}

/// Virtual and resident, in bytes; 0 where the kernel does not say.
fn memory() -> (f64, f64) {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let mut pages = statm.split_whitespace().filter_map(|pages| pages.parse::<f64>().ok());
    let mut bytes = || pages.next().unwrap_or_default() * rustix::param::page_size() as f64;
    (bytes(), bytes())
}

fn entries(directory: &str) -> f64 {
    fs::read_dir(directory).map(Iterator::count).unwrap_or_default() as f64
}

fn max_fds() -> f64 {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|rest| rest.split_whitespace().next());
    soft.and_then(|soft| soft.parse().ok()).unwrap_or(f64::INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_page_says_what_the_process_uses_and_of_which_tier_it_is() {
        let registry = registry("manager", "1.2", |_| {});

        let mut text = String::new();
        text::encode(&mut text, &registry).unwrap();

        let value = |name: &str| -> f64 {
            let line =
                text.lines().find(|line| line.starts_with(&format!("{name}{{tier=\"manager\"}}")));
            line.unwrap_or_else(|| panic!("{name} in {text}"))
                .rsplit(' ')
                .next()
                .unwrap()
                .parse()
                .unwrap()
        };
        assert!(value("process_cpu_seconds_total") > 0.0);
        assert!(value("process_resident_memory_bytes") > 1e6);
        assert!(value("process_open_fds") > 2.0 && value("process_max_fds") > 2.0);
        assert!(text.contains(r#"longshore_build_info{tier="manager",version="1.2"} 1"#), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }
}
