//! All agents of a manager are logged in to again, as a controller does after an outage.

use std::time::Instant;

use serde_json::{Value, json};

use crate::report::Figures;
use crate::system::System;
use tests::socket::Packet;

/// First with the password, then on a new connection with what that gave.
pub(crate) async fn run(system: &mut System) -> anyhow::Result<Figures> {
    let passwords = system.passwords.clone();
    let first: Vec<Value> = passwords
        .iter()
        .map(|(agent, password)| json!({"agentId": agent, "password": password, "limit": 0}))
        .collect();
    let (slow, answers) = all(system, &first).await?;
    let again: Vec<Value> = passwords
        .iter()
        .zip(&answers)
        .map(|((agent, password), answer)| match answer["data"]["resumeToken"].as_str() {
            Some(token) => json!({"agentId": agent, "resumeToken": token, "limit": 0}),
            None => json!({"agentId": agent, "password": password}),
        })
        .collect();
    let (fast, _) = all(system, &again).await?;
    Ok(vec![("1,000 first logins, ms", slow), ("1,000 logins again, ms", fast)])
}

async fn all(system: &System, logins: &[Value]) -> anyhow::Result<(f64, Vec<Value>)> {
    let mut socket = system.controller_socket().await?;
    let start = Instant::now();
    let mut answers = vec![Value::Null; logins.len()];
    for login in logins {
        socket.emit("login", login).await?;
    }
    let mut left = logins.len();
    while left > 0 {
        if let Packet::Ack(id, arguments) = socket.next().await? {
            let answer = serde_json::from_str::<[Value; 1]>(&arguments)?[0].take();
            anyhow::ensure!(answer["success"] == true, "login: {answer}");
            answers[usize::try_from(id)?] = answer;
            left -= 1;
        }
    }
    Ok((start.elapsed().as_secs_f64() * 1e3, answers))
}
