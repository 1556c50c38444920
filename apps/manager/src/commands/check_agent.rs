//! `checkAgent`: whether an agent can be used.

use std::time::Instant;

use protocol::agents::{AgentAbility, AgentCheck, ForAgent};
use protocol::spec::Codec;

use crate::call::Call;
use crate::connection::Connection;
use crate::error::Error;
use crate::server::Server;

/// Others go on meanwhile.
pub(super) fn run(connection: &mut Connection, call: Call) {
    let server = connection.server().clone();
    connection.spawn(async move {
        let checked = check(&server, &call).await;
        call.give(checked);
    });
}

async fn check(server: &Server, call: &Call) -> Result<AgentCheck, Error> {
    let ForAgent { agent_id } = call.payload()?;
    let target = server.agents.find(&agent_id)?.target.clone();
    let began = Instant::now();
    let found = target.check().await;
    let can = abilities(&target.spec.codec).iter().copied();
    Ok(AgentCheck {
        agent_id,
        codec: target.spec.codec.name().to_owned(),
        program: found.program,
        version: found.version,
        problem: found.problem,
        duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        can: can.chain(found.resumes.then_some(AgentAbility::Resume)).collect(),
    })
}

/// What programs of a codec can do; whether they take up a session is found out.
fn abilities(codec: &Codec) -> &'static [AgentAbility] {
    use AgentAbility::{Approvals, Cancel, Stream, Tools, Usage};
    match codec {
        Codec::Echo | Codec::Lines { .. } => &[Stream],
        Codec::Acp {} | Codec::Claude {} | Codec::Codex { .. } => {
            &[Stream, Tools, Approvals, Cancel, Usage]
        }
        Codec::Oneshot { .. } => &[Tools, Usage],
    }
}
