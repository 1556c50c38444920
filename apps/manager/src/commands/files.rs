//! Files in an agent's workspace. What changes them is told to everybody else who is logged in to the agent.

use std::sync::Arc;

use protocol::Timestamp;
use protocol::agents::{
    CreateDirectory, CreateFile, DeleteFile, Done, FileUpdate, FileUpdateNotification, ListFiles,
    MoveFile, Origin, ReadFile, WriteFile,
};
use protocol::limits::{MAX_PATH, MAX_READ, PAGE_FILES};
use protocol::names::agents::FILE_UPDATE_NOTIFICATION;
use protocol::{AgentId, ConnectionId};
use runtime::{FileError, Files, Place};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use super::check_limit;
use crate::agent::Agent;
use crate::call::Call;
use crate::connection::Connection;
use crate::error::Error;

pub(super) fn list(connection: &mut Connection, call: Call) {
    look(
        connection,
        call,
        |ask: &ListFiles| check_limit(ask.limit, PAGE_FILES),
        |files, ask| {
            let limit = ask.limit.map_or(PAGE_FILES, |limit| limit as usize);
            files.list(&ask.path, ask.after.as_deref(), limit)
        },
    );
}

pub(super) fn read(connection: &mut Connection, call: Call) {
    look(
        connection,
        call,
        |ask: &ReadFile| check_limit(ask.limit, MAX_READ),
        |files, ask| {
            let limit = ask.limit.map_or(MAX_READ, |limit| limit as usize);
            files.read(&ask.path, ask.offset.unwrap_or(0), limit, ask.encoding)
        },
    );
}

pub(super) fn write(connection: &mut Connection, call: Call) {
    change(
        connection,
        call,
        |ask: &WriteFile| vec![ask.path.clone()],
        |files, ask| {
            files.write(&ask.path, ask.content, ask.encoding, ask.expected_version.as_deref())
        },
    );
}

pub(super) fn create(connection: &mut Connection, call: Call) {
    change(
        connection,
        call,
        |ask: &CreateFile| vec![ask.path.clone()],
        |files, ask| files.create(&ask.path, ask.content, ask.encoding),
    );
}

pub(super) fn create_directory(connection: &mut Connection, call: Call) {
    change(
        connection,
        call,
        |ask: &CreateDirectory| vec![ask.path.clone()],
        |files, ask| files.create_directory(&ask.path).map(|()| Done {}),
    );
}

pub(super) fn delete(connection: &mut Connection, call: Call) {
    change(
        connection,
        call,
        |ask: &DeleteFile| vec![ask.path.clone()],
        |files, ask| files.delete(&ask.path, ask.recursive).map(|()| Done {}),
    );
}

pub(super) fn rename(connection: &mut Connection, call: Call) {
    let paths = |ask: &MoveFile| vec![ask.from.clone(), ask.to.clone()];
    change(connection, call, paths, |files, ask| {
        files.rename(&ask.from, &ask.to, ask.overwrite).map(|()| Done {})
    });
}

/// Nothing is done besides telling.
pub(super) fn update(connection: &Connection, call: Call) {
    let told = call.payload::<FileUpdate>().and_then(|payload| {
        let path = payload.file_path;
        if path.is_empty() || path.len() > MAX_PATH || path.contains('\0') {
            let problem = "filePath has 1 to 4,096 bytes without NUL";
            return Err(Error::InvalidPayload(problem.to_owned()));
        }
        let teller = Teller::prepare(connection, &call)?;
        teller.tell(path);
        Ok(Done {})
    });
    call.give(told);
}

/// Answers with what is there.
fn look<A, T>(
    connection: &mut Connection,
    call: Call,
    check: impl FnOnce(&A) -> Result<(), Error>,
    work: impl FnOnce(&Files, A) -> Result<T, FileError> + Send + 'static,
) where
    A: DeserializeOwned + Send + 'static,
    T: Serialize + Send + 'static,
{
    let prepared = call.payload::<A>().and_then(|ask| {
        check(&ask)?;
        Ok((connection.agent(&call)?.place()?, ask))
    });
    let permits = connection.server().agents.files().clone();
    match prepared {
        Err(error) => call.refuse(error),
        Ok((place, ask)) => connection.spawn(async move {
            let found = at_files(&permits, place, move |files| work(files, ask)).await;
            call.give(found);
        }),
    }
}

/// Changes something, then tells of these paths.
fn change<A, T>(
    connection: &mut Connection,
    call: Call,
    paths: impl FnOnce(&A) -> Vec<String>,
    work: impl FnOnce(&Files, A) -> Result<T, FileError> + Send + 'static,
) where
    A: DeserializeOwned + Send + 'static,
    T: Serialize + Send + 'static,
{
    let prepared = call.payload::<A>().and_then(|ask| {
        let teller = Teller::prepare(connection, &call)?;
        Ok((teller.agent.place()?, teller, ask))
    });
    let permits = connection.server().agents.files().clone();
    match prepared {
        Err(error) => call.refuse(error),
        Ok((place, teller, ask)) => {
            let paths = paths(&ask);
            connection.spawn(async move {
                let turn = teller.agent.writing.lock().await;
                let changed = at_files(&permits, place, move |files| work(files, ask)).await;
                drop(turn);
                if changed.is_ok() {
                    paths.into_iter().for_each(|path| teller.tell(path));
                }
                call.give(changed);
            });
        }
    }
}

/// Works with files off the async workers, a few at a time.
async fn at_files<T: Send + 'static>(
    permits: &Semaphore,
    place: Place,
    work: impl FnOnce(&Files) -> Result<T, FileError> + Send + 'static,
) -> Result<T, Error> {
    let _permit = permits.acquire().await.map_err(|_| Error::Stopping)?;
    let working = tokio::task::spawn_blocking(move || work(&place.files()?));
    Ok(working.await.map_err(anyhow::Error::from)??)
}

/// Tells of changes.
struct Teller {
    agent: Arc<Agent>,
    origin: Origin,
    /// The connection that the change came by, where there is no controller in between.
    direct: Option<ConnectionId>,
}

impl Teller {
    /// Whether changes may be made, and not too fast.
    fn prepare(connection: &Connection, call: &Call) -> Result<Self, Error> {
        let agent = connection.agent(call)?;
        agent.changes.take().map_err(|retry_after| Error::TooManyChanges { retry_after })?;
        let direct = call.is_direct().then(|| connection.id().clone());
        Ok(Self { agent, origin: call.origin().clone(), direct })
    }

    fn tell(&self, file_path: String) {
        let agent_id: AgentId = self.agent.id.clone();
        let event = FileUpdateNotification {
            agent_id,
            file_path,
            viewer_id: self.origin.viewer_id.clone(),
            user: self.origin.user.clone(),
            sender: self.origin.connection_id.clone().or_else(|| self.direct.clone()),
            timestamp: Timestamp::now(),
        };
        let is_own = |connection: &ConnectionId| self.direct.as_ref() == Some(connection);
        self.agent.audience.tell_others(FILE_UPDATE_NOTIFICATION, &event, is_own);
    }
}
