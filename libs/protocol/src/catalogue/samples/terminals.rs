//! Samples about terminals.

use super::{agent, at, conversation, id};
use crate::agents::{
    CreateTerminal, ForTerminal, JoinTerminal, ListTerminals, ResizeTerminal, TerminalClosed,
    TerminalEnd, TerminalInfo, TerminalInput, TerminalOutput, Terminals,
};
use crate::catalogue::shape::Sampled;
use crate::ids::SessionId;

fn session() -> SessionId {
    id("tm_61c0f9e27ab84d3350fe")
}

impl Sampled for CreateTerminal {
    fn samples() -> Vec<(&'static str, Self)> {
        let chosen = Self {
            agent_id: Some(agent()),
            session_id: Some(session()),
            conversation_id: Some(conversation()),
            shell: Some("bash".into()),
            cols: Some(120),
            rows: Some(40),
        };
        vec![("as it comes", Self::default()), ("chosen", chosen)]
    }
}

fn info() -> TerminalInfo {
    TerminalInfo {
        agent_id: agent(),
        session_id: session(),
        shell: "bash".into(),
        cols: 120,
        rows: 40,
        created_at: at(900),
        offset: 0,
    }
}

impl Sampled for TerminalInfo {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("a terminal", info())]
    }
}

impl Sampled for JoinTerminal {
    fn samples() -> Vec<(&'static str, Self)> {
        let first = Self { agent_id: Some(agent()), session_id: session(), offset: None };
        let again = Self { offset: Some(2_048), ..first.clone() };
        vec![("all that is kept", first), ("from an offset", again)]
    }
}

impl Sampled for ForTerminal {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("one terminal", Self { agent_id: None, session_id: session() })]
    }
}

impl Sampled for TerminalInput {
    fn samples() -> Vec<(&'static str, Self)> {
        let data = "echo 1+1 | bc\r".into();
        vec![("a line", Self { agent_id: None, session_id: session(), data })]
    }
}

impl Sampled for ResizeTerminal {
    fn samples() -> Vec<(&'static str, Self)> {
        let resize = Self { agent_id: None, session_id: session(), cols: 132, rows: 43 };
        vec![("wider", resize)]
    }
}

impl Sampled for ListTerminals {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("of an agent", Self { agent_id: Some(agent()) })]
    }
}

impl Sampled for Terminals {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("one terminal", Self { terminals: vec![info()] })]
    }
}

impl Sampled for TerminalOutput {
    fn samples() -> Vec<(&'static str, Self)> {
        let data = "\u{1b}[1m2\u{1b}[0m\r\n".into();
        let output = Self { agent_id: agent(), session_id: session(), offset: 17, data };
        vec![("bold", output)]
    }
}

impl Sampled for TerminalClosed {
    fn samples() -> Vec<(&'static str, Self)> {
        let exited = Self {
            agent_id: agent(),
            session_id: session(),
            exit_code: Some(0),
            reason: TerminalEnd::Exited,
            timestamp: at(1_400),
        };
        let killed = Self { exit_code: None, reason: TerminalEnd::Closed, ..exited.clone() };
        vec![("exited", exited), ("killed", killed)]
    }
}
