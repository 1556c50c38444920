//! A door for `tests/fuzz`: a turn without a program and without time.

use std::collections::VecDeque;

use protocol::RunId;
use protocol::limits::MAX_LINE;
use protocol::spec::Codec;
use tokio::time::Instant;

use super::rules::Rules;
use super::turn::{Phase, Turn};
use crate::event::{AgentEvent, Outcome};
use crate::framing::Framing;

/// What a program's output is to its turn, if it comes in those pieces and then silence.
#[must_use]
pub fn turn<'a>(codec: &Codec, pieces: impl IntoIterator<Item = &'a [u8]>) -> VecDeque<AgentEvent> {
    let rules = Rules::from_codec(codec).expect("codec `lines`").expect("a pattern");
    let (mut stdout, mut out) = (Framing::new(MAX_LINE), VecDeque::new());
    let mut turn = Turn::new(RunId::new("run").expect("an id"), String::new(), Instant::now());
    turn.phase = Phase::Listening;
    for piece in pieces {
        for line in stdout.push(piece) {
            match rules.control(&line) {
                _ if turn.is_over() => {}
                Some(control) => turn.control(control, &mut out),
                None => turn.hear(line, &rules, &mut out),
            }
        }
        if turn.is_over() {
            break;
        }
        turn.show(&mut stdout, &rules, &mut out);
    }
    let tail = stdout.take_tail().filter(|line| !turn.is_over() && !rules.is_prompt(&line.text));
    if let Some(line) = tail {
        turn.hear(line, &rules, &mut out);
    }
    turn.end(Outcome::Done, &mut out);
    out
}
