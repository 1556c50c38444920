//! `longshore token`: who a controller lets in, and as what.

use anyhow::{Context, bail};
use protocol::{ClientId, Clients, Role, Timestamp, TokenId};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::{Api, Controller};
use crate::cli::{Target, Token, TokenCreate};
use crate::directories::Directories;
use crate::{out, table};

/// A token, as the list shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenInfo {
    token_id: TokenId,
    name: String,
    role: Role,
    #[serde(default, skip_serializing_if = "Clients::are_all")]
    clients: Clients,
    created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Timestamp>,
    expired: bool,
    owner: bool,
    current: bool,
}

/// A token that was made just now.
#[derive(Serialize, Deserialize)]
struct Created {
    token: String,
    #[serde(flatten)]
    info: TokenInfo,
}

/// Makes, lists or revokes.
///
/// # Errors
/// What the controller answers, or that it cannot be reached.
pub fn execute(command: Token, directories: &Directories) -> anyhow::Result<()> {
    let api = |target: &Target| Controller::find(target, directories).map(Api::new);
    match command {
        Token::Create(wanted) => create(&api(&wanted.target)?, &wanted),
        Token::List { json, target } => {
            let tokens: Vec<TokenInfo> = api(&target)?.list("/api/tokens")?;
            if json {
                return out::json(&tokens);
            }
            show(&tokens);
            Ok(())
        }
        Token::Revoke { which, json, target } => {
            let api = api(&target)?;
            let token = choose(api.list("/api/tokens")?, &which)?;
            api.delete(&format!("/api/tokens/{}", token.token_id))?;
            if json {
                out::json(&token)?;
            }
            if token.owner {
                eprintln!("the next start of the controller makes its owner a new one");
            }
            Ok(())
        }
    }
}

/// The token goes to stdout and everything else to stderr, so that it can be piped.
fn create(api: &Api, wanted: &TokenCreate) -> anyhow::Result<()> {
    let clients = clients(api, &wanted.clients)?;
    let body = json!({
        "name": wanted.name,
        "role": wanted.role,
        "clients": clients,
        "expiresInSecs": wanted.expires.map(|span| span.as_secs()),
    });
    let created: Created = api.post("/api/tokens", &body)?;
    if wanted.json {
        return out::json(&created);
    }
    out::line(&created.token);
    let TokenInfo { name, role, token_id, expires_at, .. } = &created.info;
    let end =
        expires_at.map_or_else(|| "until it is revoked".to_owned(), |end| format!("until {end}"));
    eprintln!("{role} token of {name}, good {end} ({token_id}); it is not shown again");
    Ok(())
}

fn clients(api: &Api, wanted: &[String]) -> anyhow::Result<Option<Vec<ClientId>>> {
    if wanted.is_empty() {
        return Ok(None);
    }
    let id = |name: &String| api.client(Some(name)).map(|client| client.client_id);
    wanted.iter().map(id).collect::<anyhow::Result<_>>().map(Some)
}

/// The token of that id or name. An id counts before a name, and of several of a name none is guessed.
fn choose(tokens: Vec<TokenInfo>, wanted: &str) -> anyhow::Result<TokenInfo> {
    if let Some(token) = tokens.iter().find(|token| token.token_id.as_str() == wanted) {
        return Ok(token.clone());
    }
    let mut named = tokens.into_iter().filter(|token| token.name == wanted);
    let token = named.next().with_context(|| format!("no token is called \"{wanted}\""))?;
    let others: Vec<_> = named.map(|other| other.token_id.to_string()).collect();
    if !others.is_empty() {
        bail!("several tokens are called \"{wanted}\": {}, {}", token.token_id, others.join(", "));
    }
    Ok(token)
}

fn show(tokens: &[TokenInfo]) {
    let rows: Vec<_> = tokens.iter().map(row).collect();
    table::print(["NAME", "ROLE", "CLIENTS", "ENDS", "USED", "ID"], &rows);
}

fn row(token: &TokenInfo) -> [String; 6] {
    let clients = match &token.clients {
        Clients::All => "all".to_owned(),
        Clients::Only(some) => some.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
    };
    let end = match token.expires_at {
        Some(end) if token.expired => format!("{end} (expired)"),
        Some(end) => end.to_string(),
        None => "never".to_owned(),
    };
    let used = token.last_used_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
    let owner = if token.owner { " (of the server)" } else { "" };
    let id = format!("{}{owner}", token.token_id);
    [token.name.clone(), token.role.to_string(), clients, end, used, id]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(id: &str, name: &str) -> TokenInfo {
        TokenInfo {
            token_id: TokenId::new(id).unwrap(),
            name: name.into(),
            role: Role::User,
            clients: Clients::All,
            created_at: Timestamp::from_millis(0),
            expires_at: None,
            last_used_at: None,
            expired: false,
            owner: false,
            current: false,
        }
    }

    #[test]
    fn a_token_is_chosen_by_id_or_by_a_name_that_is_one() {
        let all = || vec![token("tk_1", "ann"), token("tk_2", "owner"), token("tk_3", "owner")];
        let chosen = |wanted| choose(all(), wanted).map(|token| token.token_id.to_string());

        assert_eq!(chosen("ann").unwrap(), "tk_1");
        assert_eq!(chosen("tk_3").unwrap(), "tk_3");
        assert!(chosen("owner").unwrap_err().to_string().contains("tk_2, tk_3"));
        assert!(chosen("an").is_err());
    }
}
