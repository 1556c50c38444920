//! Names of commands and events as they are on the wire. Code says these; the texts stand here only.

macro_rules! names {
    ($($name:ident = $text:literal,)+) => {
        $(
            #[doc = concat!("`", $text, "`")]
            pub const $name: &str = $text;
        )+

        /// All of them.
        pub const ALL: &[&str] = &[$($name),+];
    };
}

/// Of namespace `/clients`.
pub mod clients {
    names! {
        SET_CLIENT = "setClient",
        FORWARD = "forward",
        CONNECTED = "connected",
        CLIENT_SET = "clientSet",
        FORWARDED_EVENT = "forwardedEvent",
        ERROR = "error",
        REMOTE_DISCONNECTED = "remoteDisconnected",
        REMOTE_RECONNECTING = "remoteReconnecting",
        REMOTE_RECONNECTED = "remoteReconnected",
        REMOTE_RECONNECT_ERROR = "remoteReconnectError",
    }
}

/// Of namespace `/agents`.
pub mod agents {
    names! {
        LOGIN = "login",
        LOGOUT = "logout",
        CHAT = "chat",
        CANCEL_RUN = "cancelRun",
        GET_HISTORY = "getHistory",
        LIST_AGENTS = "listAgents",
        CREATE_AGENT = "createAgent",
        DELETE_AGENT = "deleteAgent",
        START_AGENT = "startAgent",
        STOP_AGENT = "stopAgent",
        RESTART_AGENT = "restartAgent",
        LOGIN_SUCCESS = "loginSuccess",
        LOGIN_ERROR = "loginError",
        LOGOUT_SUCCESS = "logoutSuccess",
        CHAT_MESSAGE = "chatMessage",
        RUN_EVENT = "runEvent",
        CHAT_EVENT = "chatEvent",
        HISTORY_END = "historyEnd",
        ERROR = "error",
    }
}
