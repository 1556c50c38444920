//! Fetching an image.

use std::collections::HashMap;
use std::time::Duration;

use bollard::models::CreateImageInfo;
use bollard::query_parameters::CreateImageOptions;
use futures_util::StreamExt;
use tokio::time::{Instant, timeout};

use super::engine::{Engine, EngineError};
use crate::site::Site;

/// How often people are told how far it is.
const TELLING: Duration = Duration::from_secs(3);
/// How long nothing may happen.
const PATIENCE: Duration = Duration::from_secs(60);
/// Layers that are counted; an image has at most 127.
const LAYERS: usize = 256;

/// Pulls an image from its registry, without credentials, and says how it goes on.
pub(super) async fn pull(engine: &Engine, image: &str, site: &Site) -> Result<(), EngineError> {
    site.say(format!("pulling {image}")).await;
    let options = CreateImageOptions { from_image: Some(reference(image)), ..Default::default() };
    let mut news = engine.docker.create_image(Some(options), None, None);
    let (mut progress, mut told) = (Progress::default(), Instant::now());
    loop {
        let next = tokio::select! {
            next = timeout(PATIENCE, news.next()) => next,
            () = site.interrupted() => {
                return Err(EngineError::Unreachable(format!("pulling {image} was cancelled")));
            }
        };
        let failed = |problem: &str| EngineError::NoImage(format!("image {image}: {problem}"));
        match next {
            Err(_) => return Err(failed("the registry does not answer")),
            Ok(None) => return Ok(()),
            Ok(Some(Err(error))) => return Err(failed(&EngineError::from(error).to_string())),
            Ok(Some(Ok(info))) => {
                if let Some(error) = info.error_detail.as_ref().and_then(|e| e.message.as_ref()) {
                    return Err(failed(error));
                }
                progress.take(&info);
            }
        }
        if told.elapsed() >= TELLING {
            told = Instant::now();
            site.say(format!("pulling {image}: {progress}")).await;
        }
    }
}

/// An image with its tag: without one the engine would fetch all that there are.
fn reference(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    if last.contains([':', '@']) { image.to_owned() } else { format!("{image}:latest") }
}

/// Bytes of the layers, there and in all.
#[derive(Debug, Default)]
struct Progress(HashMap<String, (i64, i64)>);

impl Progress {
    fn take(&mut self, info: &CreateImageInfo) {
        let (Some(id), Some(detail)) = (&info.id, &info.progress_detail) else { return };
        let (Some(current), Some(total)) = (detail.current, detail.total) else { return };
        let is_download = info.status.as_deref() == Some("Downloading");
        if is_download && (self.0.len() < LAYERS || self.0.contains_key(id)) {
            self.0.insert(id.clone(), (current, total));
        }
    }
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mib = |of: fn(&(i64, i64)) -> i64| self.0.values().map(of).sum::<i64>() >> 20;
        write!(f, "{} of {} MiB", mib(|(current, _)| *current), mib(|(_, total)| *total))
    }
}

#[cfg(test)]
mod tests {
    use bollard::models::ProgressDetail;

    use super::*;

    #[test]
    fn progress_is_the_sum_of_what_is_fetched() {
        let mut progress = Progress::default();
        let news = |id: &str, status: &str, mib: i64| CreateImageInfo {
            id: Some(id.to_owned()),
            status: Some(status.to_owned()),
            progress_detail: Some(ProgressDetail {
                current: Some(mib << 20),
                total: Some(8 << 20),
            }),
            ..CreateImageInfo::default()
        };

        for (id, status, mib) in [
            ("a", "Downloading", 1),
            ("b", "Downloading", 2),
            ("a", "Downloading", 3),
            ("b", "Extracting", 8),
        ] {
            progress.take(&news(id, status, mib));
        }

        assert_eq!(progress.to_string(), "5 of 16 MiB");
    }

    #[test]
    fn one_image_is_pulled_and_not_all_of_its_tags() {
        assert_eq!(reference("node"), "node:latest");
        assert_eq!(reference("localhost:5000/node"), "localhost:5000/node:latest");
        assert_eq!(reference("node:22"), "node:22");
        assert_eq!(reference("a/node@sha256:0"), "a/node@sha256:0");
    }
}
