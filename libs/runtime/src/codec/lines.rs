use std::path::PathBuf;
use protocol::spec::AgentSpec;
use crate::session::{Graces, Inbox, Stopped};
pub(super) struct Setting;
impl Setting {
    pub(super) fn from_spec(_: AgentSpec, _: PathBuf, _: Graces) -> Result<Self, String> { Err("not yet".into()) }
}
pub(super) async fn run(_: Setting, _: Inbox) -> Result<(), Stopped> { Ok(()) }
