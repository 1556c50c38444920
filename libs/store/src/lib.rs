//! SQLite, the only place with SQL: a manager's log ([`ManagerDb`]), a controller's registry ([`ControllerDb`]), and the
//! key that seals what must not be read from a copied file ([`SecretKey`]). [`Tier::copy`] and what is with it is for copies of
//! both, while servers have them open or not.

mod controller;
mod copy;
mod error;
mod file;
mod health;
mod manager;
mod meters;
mod record;
mod secret;
mod writer;

pub use controller::push::PushRecord;
pub use controller::{
    AccessKey, AccessToken, AuditEntry, AuditPage, AuditShelf, BrowserSession, ClientRecord,
    ControllerDb, Credentials, Revoked, SESSION_LIFE,
};
pub use copy::{Facts, Lock, Tier};
pub use error::StoreError;
pub use health::free_bytes;
pub use manager::ManagerDb;
pub use meters::Meters;
pub use record::{
    AgentRecord, Appended, Change, ConversationRecord, Entry, Hit, Keep, NewEntry, OpenInteraction,
    Page, SealedEnvironment, name_key,
};
pub use secret::{SecretKey, hash_token, token};
