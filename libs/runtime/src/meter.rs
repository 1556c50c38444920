//! What an agent's programs use.

mod here;
mod inside;

use std::path::PathBuf;
use std::time::Duration;

use protocol::agents::Stats;

use crate::place::Contained;
use here::Here;
use inside::Inside;

/// Measures an agent's programs again and again. Processor time is that since the time before.
#[derive(Debug)]
pub struct Meter(Kind);

#[derive(Debug)]
enum Kind {
    Here(Here),
    Inside(Inside),
}

impl Meter {
    /// For the agent whose own directory that is.
    pub(crate) fn here(home: PathBuf) -> Self {
        Self(Kind::Here(Here::new(home)))
    }

    /// For an agent in containers.
    pub(crate) fn inside(place: Contained) -> Self {
        Self(Kind::Inside(Inside::new(place)))
    }

    /// Measures; nothing when no program runs.
    pub async fn measure(&mut self) -> Option<Stats> {
        match &mut self.0 {
            Kind::Here(here) => here.measure().await,
            Kind::Inside(inside) => inside.measure().await,
        }
    }
}

/// Of one processor, with one decimal.
fn percent(used: Duration, passed: Duration) -> f64 {
    if passed.is_zero() {
        return 0.0;
    }
    (used.as_secs_f64() / passed.as_secs_f64() * 1_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_busy_processor_is_a_hundred_percent() {
        let five = Duration::from_secs(5);

        assert!((percent(five, five) - 100.0).abs() < f64::EPSILON);
        assert!(percent(five, Duration::ZERO).abs() < f64::EPSILON);
    }

    #[tokio::test]
    async fn where_nothing_runs_there_is_nothing_to_measure() {
        assert_eq!(Meter::here("/nowhere/at/all".into()).measure().await, None);
    }
}
