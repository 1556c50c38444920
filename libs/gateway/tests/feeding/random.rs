//! Random histories of a log: every follower ends with exactly the log.

use std::time::Duration;

use gateway::Outbox;
use proptest::prelude::*;

use crate::support::{Socket, Test, item};

/// One step of a random history.
#[derive(Debug, Clone)]
enum Step {
    Append(u8),
    Delta,
    Reset,
    Room(u8),
    Join,
    Rejoin(u8),
    Breathe,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1_u8..12).prop_map(Step::Append),
        1 => Just(Step::Delta),
        1 => Just(Step::Reset),
        3 => (0_u8..20).prop_map(Step::Room),
        1 => Just(Step::Join),
        1 => any::<u8>().prop_map(Step::Rejoin),
        2 => Just(Step::Breathe),
    ];
    prop::collection::vec(step, 1..60)
}

/// What a viewer has on its screen: it starts over where a replay did not begin at its cursor.
#[derive(Default)]
struct Screen {
    entries: Vec<String>,
}

impl Screen {
    /// Entries are `epoch/seq`; one that follows is appended, a first one of another life starts over.
    fn show(&mut self, packet: &(String, String)) {
        let Some(text) =
            packet.1.strip_prefix(r#"{"text":""#).and_then(|text| text.strip_suffix(r#""}"#))
        else {
            return;
        };
        let Some((epoch, seq)) = text.split_once('/') else { return };
        let seq: usize = seq.parse().unwrap();
        if seq == 1
            && self.entries.first().is_some_and(|first| !first.starts_with(&format!("{epoch}/")))
        {
            self.entries.clear();
        }
        assert_eq!(seq, self.entries.len() + 1, "{text} after {:?}", self.entries.last());
        self.entries.push(text.to_owned());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_follower_ends_with_exactly_the_log(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut test = Test::new();
            let mut viewers: Vec<(Socket, Outbox, Screen)> = Vec::new();
            let mut life = 0;
            for step in steps {
                match step {
                    Step::Append(count) => (0..count).for_each(|_| test.append()),
                    Step::Delta => test.feed.append([item(None, "delta")]),
                    Step::Reset => {
                        life += 1;
                        test.reset(&format!("e{life}"));
                    }
                    Step::Room(room) => viewers.iter().for_each(|(socket, ..)| socket.make_room(room.into())),
                    Step::Join => {
                        let socket = Socket::default();
                        let outbox = test.viewer(&socket);
                        test.follow(&outbox, None, None);
                        viewers.push((socket, outbox, Screen::default()));
                    }
                    Step::Rejoin(which) if !viewers.is_empty() => {
                        // As a browser that reconnects: a new socket, and the cursor of what is on the screen.
                        let which = usize::from(which) % viewers.len();
                        let (socket, _, mut screen) = viewers.swap_remove(which);
                        while let Some(packet) = socket.take() {
                            screen.show(&packet);
                        }
                        let socket = Socket::default();
                        let outbox = test.viewer(&socket);
                        let epoch = screen.entries.first().map(|first| first.split('/').next().unwrap().to_owned());
                        let after = epoch.as_deref().map(|epoch| (screen.entries.len() as u64, epoch));
                        test.follow(&outbox, after, None);
                        viewers.push((socket, outbox, screen));
                    }
                    Step::Rejoin(_) => {}
                    Step::Breathe => tokio::time::sleep(Duration::from_millis(700)).await,
                }
            }
            test.append();
            for (socket, ..) in &viewers {
                socket.make_room(100_000);
            }
            tokio::time::sleep(Duration::from_secs(30)).await;
            let expected: Vec<String> = (1..test.next).map(|seq| format!("e{life}/{seq}")).collect();
            for (socket, _outbox, mut screen) in viewers {
                while let Some(packet) = socket.take() {
                    screen.show(&packet);
                }
                assert_eq!(screen.entries, expected);
            }
        });
    }
}
