//! `longshore client`: the managers that a controller knows.

use serde_json::json;

use crate::api::{Api, ClientInfo, Controller};
use crate::cli::{Client, Target};
use crate::directories::Directories;

/// Adds, lists or removes.
///
/// # Errors
/// What the controller answers, or that it cannot be reached.
pub fn execute(command: Client, directories: &Directories) -> anyhow::Result<()> {
    let api = |target: &Target| Controller::find(target, directories).map(Api::new);
    match command {
        Client::Add { name, endpoint, api_key, target } => {
            let body = json!({ "name": name, "endpoint": endpoint, "apiKey": api_key.0 });
            let client: ClientInfo = api(&target)?.post("/api/clients", &body)?;
            println!("added client {} ({})", client.name, client.client_id);
        }
        Client::List { json, target } => {
            let clients = api(&target)?.clients()?;
            if json {
                println!("{}", serde_json::to_string(&clients)?);
            } else {
                clients.iter().for_each(show);
            }
        }
        Client::Remove { client, target } => {
            let api = api(&target)?;
            let client = api.client(Some(&client))?;
            api.delete(&format!("/api/clients/{}", client.client_id))?;
            println!("removed client {}", client.name);
        }
    }
    Ok(())
}

fn show(client: &ClientInfo) {
    let state = if client.connected { "connected" } else { "away" };
    println!("{:<20} {:<10} {}  {}", client.name, state, client.endpoint, client.client_id);
}
