//! Requests and their answers, as in JSON-RPC 2.0 (<https://www.jsonrpc.org/specification>).

use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::json::Places;
use super::out::line;
use super::{Message, Unknown};

/// A method that is not there.
pub(super) const METHOD_NOT_FOUND: i64 = -32_601;

/// One end of it. `M` is what the answer to a request will mean.
#[derive(Debug)]
pub(super) struct Rpc<M> {
    /// Whether messages say that they are JSON-RPC.
    says_version: bool,
    next: u64,
    open: HashMap<u64, M>,
}

/// What has come in.
#[derive(Debug, PartialEq)]
pub(super) enum Incoming<'a, M> {
    /// It wants an answer.
    Request {
        id: &'a Value,
        method: &'a str,
        params: &'a Value,
    },
    Notification {
        method: &'a str,
        params: &'a Value,
    },
    /// The answer to an own request.
    Answer {
        to: M,
        result: Result<&'a Value, Failure<'a>>,
    },
}

/// Why a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure<'a> {
    pub(super) code: i64,
    pub(super) message: &'a str,
    /// What it says besides.
    pub(super) data: Option<&'a Value>,
}

impl std::fmt::Display for Failure<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.message)?;
        let places = |data: &'_ Value| {
            data.text("/details").or(data.text("/message")).or(data.as_str()).map(str::to_owned)
        };
        match self.data.and_then(places).filter(|details| !self.message.contains(details.as_str()))
        {
            Some(details) => write!(formatter, ": {details}"),
            None => Ok(()),
        }
    }
}

impl<M> Rpc<M> {
    /// Nothing said yet.
    pub(super) fn new(says_version: bool) -> Self {
        Self { says_version, next: 0, open: HashMap::new() }
    }

    /// The line of a request.
    pub(super) fn request(&mut self, method: &str, params: &impl Serialize, means: M) -> String {
        let id = self.next;
        self.next += 1;
        self.open.insert(id, means);
        self.line(json!({"id": id, "method": method, "params": params}))
    }

    /// The line of a notification.
    pub(super) fn notification(&self, method: &str, params: &impl Serialize) -> String {
        self.line(json!({"method": method, "params": params}))
    }

    /// The line that answers a request.
    pub(super) fn answer(&self, id: &Value, result: &impl Serialize) -> String {
        self.line(json!({"id": id, "result": result}))
    }

    /// The line that refuses a request.
    pub(super) fn refusal(&self, id: &Value, code: i64, message: &str) -> String {
        self.line(json!({"id": id, "error": {"code": code, "message": message}}))
    }

    /// Reads a message.
    pub(super) fn read<'a>(&mut self, message: &'a Message) -> Result<Incoming<'a, M>, Unknown> {
        let params = message.get("params").unwrap_or(&Value::Null);
        match (message.get("id"), message.text("/method")) {
            (None, Some(method)) => Ok(Incoming::Notification { method, params }),
            (Some(id), Some(method)) => Ok(Incoming::Request { id, method, params }),
            (Some(id), None) => {
                let result = match (message.get("result"), message.get("error")) {
                    (Some(result), None) => Ok(result),
                    (_, Some(error)) => Err(Failure {
                        code: error.at("/code").and_then(Value::as_i64).unwrap_or_default(),
                        message: error.text("/message").unwrap_or("it failed"),
                        data: error.at("/data"),
                    }),
                    (None, None) => return Err(Unknown),
                };
                let id = id.as_u64().ok_or(Unknown)?;
                let to = self.open.remove(&id).ok_or(Unknown)?;
                Ok(Incoming::Answer { to, result })
            }
            (None, None) => Err(Unknown),
        }
    }

    fn line(&self, mut message: Value) -> String {
        if self.says_version {
            message["jsonrpc"] = "2.0".into();
        }
        line(&message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(json: &str) -> Message {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn an_answer_belongs_to_its_request_once() {
        let mut rpc = Rpc::new(false);
        assert_eq!(rpc.request("a", &1, "first"), r#"{"id":0,"method":"a","params":1}"#);
        rpc.request("b", &2, "second");

        let answer = message(r#"{"id":1,"result":"yes"}"#);
        let result = Ok(&Value::from("yes"));
        assert_eq!(rpc.read(&answer), Ok(Incoming::Answer { to: "second", result }));
        assert_eq!(rpc.read(&answer), Err(Unknown));
    }

    #[test]
    fn what_is_no_answer_to_a_request_is_unknown() {
        let mut rpc = Rpc::new(true);
        rpc.request("a", &1, ());

        for json in [
            r#"{}"#,
            r#"{"id":0}"#,
            r#"{"id":"0","result":1}"#,
            r#"{"id":7,"result":1}"#,
            r#"{"result":1}"#,
            r#"{"type":"assistant"}"#,
        ] {
            assert_eq!(rpc.read(&message(json)), Err(Unknown), "{json}");
        }
    }

    #[test]
    fn a_failure_says_all_that_it_says() {
        let mut rpc = Rpc::new(true);
        rpc.request("a", &1, ());
        let answer = message(
            r#"{"id":0,"error":{"code":-32000,"message":"Internal error","data":{"details":"no key"}}}"#,
        );

        let Ok(Incoming::Answer { result: Err(failure), .. }) = rpc.read(&answer) else { panic!() };
        assert_eq!(failure.to_string(), "Internal error: no key");
        assert_eq!(failure.code, -32_000);
    }
}
