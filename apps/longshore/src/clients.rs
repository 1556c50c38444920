//! `longshore client`: the managers that a controller knows.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use serde_json::json;

use crate::api::{Api, ClientInfo, Controller};
use crate::cli::{Client, Target};
use crate::directories::Directories;
use crate::hint::Advise;
use crate::out::{self, say};
use crate::secret::Secret;
use crate::table;

/// Longest wait for a manager that was just made known: two attempts of the controller's to connect.
const ACQUAINTANCE: Duration = Duration::from_secs(12);
/// How long an error may be that of an attempt before the change.
const STALE: Duration = Duration::from_secs(2);
/// How often is asked meanwhile.
const ASK: Duration = Duration::from_millis(200);

/// Adds, shows, changes or removes.
///
/// # Errors
/// What the controller answers, or that it cannot be reached.
pub fn execute(command: Client, directories: &Directories) -> anyhow::Result<()> {
    let api = |target: &Target| Controller::find(target, directories).map(Api::new);
    match command {
        Client::Add { name, endpoint, api_key, api_key_file, no_wait, json, target } => {
            let key = Secret::either(api_key.as_ref(), api_key_file.as_deref())?;
            let api = api(&target)?;
            let body = json!({ "name": name, "endpoint": endpoint, "apiKey": key });
            let added: ClientInfo = api.post("/api/clients", &body)?;
            let client = if no_wait { added } else { acquainted(&api, added, Duration::ZERO)? };
            if json {
                out::json(&client)?;
            } else {
                say!("added client {} ({})", client.name, client.client_id);
            }
            if no_wait { Ok(()) } else { ensure_connected(&client) }
        }
        Client::List { json, target } => list(&api(&target)?.clients()?, json),
        Client::Show { client, json, target } => show(&api(&target)?.client(Some(&client))?, json),
        Client::Change { client, name, endpoint, api_key, api_key_file, no_wait, json, target } => {
            let key = Secret::either(api_key.as_ref(), api_key_file.as_deref())?;
            let api = api(&target)?;
            let client = api.client(Some(&client))?;
            let moved = endpoint.is_some() || key.is_some();
            let changes = [("name", name), ("endpoint", endpoint), ("apiKey", key)];
            let changes: serde_json::Map<_, _> = changes
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), value?.into())))
                .collect();
            let changed: ClientInfo =
                api.patch(&format!("/api/clients/{}", client.client_id), &changes)?;
            let waits = moved && !no_wait;
            let changed = if waits { acquainted(&api, changed, STALE)? } else { changed };
            if json {
                out::json(&changed)?;
            }
            if waits { ensure_connected(&changed) } else { Ok(()) }
        }
        Client::Remove { client, json, target } => {
            let api = api(&target)?;
            let client = api.client(Some(&client))?;
            api.delete(&format!("/api/clients/{}", client.client_id))?;
            if json { out::json(&client) } else { Ok(()) }
        }
    }
}

/// Waits until the controller is connected to it, or has found out why it cannot be; an error is believed after `stale`.
fn acquainted(api: &Api, client: ClientInfo, stale: Duration) -> anyhow::Result<ClientInfo> {
    let began = Instant::now();
    let failed = |client: &ClientInfo| client.last_error.is_some() && began.elapsed() >= stale;
    let path = format!("/api/clients/{}", client.client_id);
    let mut client = client;
    while !client.connected && !failed(&client) && began.elapsed() < ACQUAINTANCE {
        sleep(ASK);
        client = api.get(&path)?;
    }
    Ok(client)
}

fn ensure_connected(client: &ClientInfo) -> anyhow::Result<()> {
    if client.connected {
        return Ok(());
    }
    let reason = client.last_error.as_deref().unwrap_or("it has not answered yet");
    let hint = if reason.contains("nauthorized") {
        format!(
            "its key is in manager.key of its data directory: `longshore client change {} --api-key-file FILE`",
            client.name
        )
    } else {
        format!(
            "the controller goes on trying; `longshore client show {}` says how it fares",
            client.name
        )
    };
    Err(anyhow!("{} is known, but the controller is not connected to it: {reason}", client.name))
        .hint(hint)
}

fn state(client: &ClientInfo) -> &'static str {
    if client.connected { "connected" } else { "away" }
}

fn list(clients: &[ClientInfo], json: bool) -> anyhow::Result<()> {
    if json {
        return out::json(clients);
    }
    let row = |client: &ClientInfo| {
        let name = client.name.clone();
        [name, state(client).to_owned(), client.endpoint.clone(), client.client_id.to_string()]
    };
    let rows: Vec<_> = clients.iter().map(row).collect();
    table::print(["NAME", "STATE", "ENDPOINT", "ID"], &rows);
    for client in clients.iter().filter(|client| !client.connected) {
        if let Some(reason) = &client.last_error {
            eprintln!("note: {} is away: {reason}", client.name);
        }
    }
    Ok(())
}

fn show(client: &ClientInfo, json: bool) -> anyhow::Result<()> {
    if json {
        return out::json(client);
    }
    say!("{:<10}{}", "name", client.name);
    say!("{:<10}{}", "id", client.client_id);
    say!("{:<10}{}", "endpoint", client.endpoint);
    say!("{:<10}{}", "state", state(client));
    if let Some(reason) = &client.last_error {
        say!("{:<10}{reason}", "because");
    }
    if let Some(created) = client.created_at {
        say!("{:<10}{created}", "added");
    }
    Ok(())
}
