//! A container that talks as fast as it can.

use std::time::Duration;

use runtime::{AgentEvent, Outcome};
use tokio::time::Instant;

use super::yard::{Yard, shell};

/// Lines of 64 bytes.
const LINES: usize = 8 << 20;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs an engine"]
async fn a_flood_arrives_whole_and_takes_no_memory() {
    let yard = Yard::new();
    let mut agent = yard.start(&shell());
    agent.ask("true").await;
    let before = peak_memory();
    let began = Instant::now();
    let line = "x".repeat(63);

    let command = format!("yes {line} | head -n {LINES}");
    let run = agent.prompt(&command).await;
    let mut seen = 0;
    loop {
        match agent.event().await {
            AgentEvent::Message { text, .. } => {
                assert!(text.lines().all(|said| said == line));
                seen += text.lines().count();
            }
            AgentEvent::Ended { run: ended, outcome } => {
                assert_eq!((ended, outcome), (run.clone(), Outcome::Done));
                break;
            }
            _ => {}
        }
    }

    assert_eq!(seen, LINES);
    let grown = peak_memory() - before;
    let rate = (LINES * 64) as f64 / began.elapsed().as_secs_f64() / 1e6;
    println!("{rate:.0} MB/s, {} MiB more memory", grown >> 20);
    assert!(grown < 96 << 20, "grew by {grown}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs an engine"]
async fn whoever_listens_slowly_holds_the_container_back() {
    let yard = Yard::new();
    let mut agent = yard.start(&shell());
    agent.ask("true").await;
    let before = peak_memory();

    let lines = LINES / 16;
    let run = agent.prompt(&format!("seq 1 {lines}")).await;
    let mut next = 1;
    let mut pauses = 0;
    loop {
        match agent.event().await {
            AgentEvent::Message { text, .. } => {
                for said in text.lines() {
                    assert_eq!(said, next.to_string());
                    next += 1;
                }
                // What is measured is how it is when somebody is slow: there is no event to wait for.
                tokio::time::sleep(Duration::from_secs(1)).await;
                pauses += 1;
            }
            AgentEvent::Ended { run: ended, .. } => {
                assert_eq!(ended, run);
                break;
            }
            _ => {}
        }
    }

    assert_eq!(next, lines + 1);
    let grown = peak_memory() - before;
    assert!(pauses > 0 && grown < 64 << 20, "grew by {grown}");
}

/// The most memory that this process has ever had, in bytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
