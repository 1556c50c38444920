//! The token of whoever started the controller: made once and kept in the data directory, so that its URL stays valid.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use protocol::Timestamp;
use store::{ControllerDb, token};

/// Where it is kept in the data directory.
const FILE: &str = "owner.token";
/// The name of whoever has it.
pub(crate) const NAME: &str = "owner";

/// The kept token. When it was revoked or its file is gone, a new one; the old one lets nobody in any more.
pub(crate) async fn load_or_create(data_dir: &Path, db: &ControllerDb) -> anyhow::Result<String> {
    let path = data_dir.join(FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) if db.is_owner(text.trim()).await? => return Ok(text.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
    }
    let secret = token("ls_");
    // Stored first: what is in the file lets its owner in.
    db.replace_owner(NAME, &secret, Timestamp::now()).await?;
    write(&path, &secret).with_context(|| format!("write {}", path.display()))?;
    Ok(secret)
}

/// Written whole under another name and then renamed: a crash leaves no half a token.
fn write(path: &Path, secret: &str) -> std::io::Result<()> {
    let draft = path.with_extension("token.new");
    // One that is there may be readable by others.
    match std::fs::remove_file(&draft) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    writeln!(file, "{secret}")?;
    file.sync_all()?;
    std::fs::rename(&draft, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use store::SecretKey;

    use super::*;

    #[tokio::test]
    async fn it_is_made_once_and_again_when_it_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let key = SecretKey::load_or_create(&dir.path().join("secret.key"), None).unwrap();
        let db = ControllerDb::open(&dir.path().join("controller.db"), key).await.unwrap();
        let load = async || load_or_create(dir.path(), &db).await.unwrap();
        let known = async |secret: &str| db.use_token(secret, Timestamp::now()).await.unwrap();

        let first = load().await;
        assert_eq!(load().await, first);
        let path = dir.path().join(FILE);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

        std::fs::remove_file(&path).unwrap();
        let second = load().await;
        assert_ne!(second, first);
        assert!(known(&first).await.is_none(), "it is forgotten");

        db.accept_token("other", "an admin's").await.unwrap();
        let id = known(&second).await.unwrap().token_id;
        db.revoke_token(&id, Timestamp::now()).await.unwrap();
        let third = load().await;
        assert_ne!(third, second);
        assert!(known(&second).await.is_none() && known(&third).await.is_some());
        assert_eq!(db.tokens().await.unwrap().len(), 2);
    }
}
