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

/// Whether it can be the name of an event: `[A-Za-z0-9_:-]{1,128}`. A name outside it may need an escape, which not every
/// peer can read.
#[must_use]
pub fn is_event_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_:-".contains(&b))
}

/// Of namespace `/clients`.
pub mod clients {
    names! {
        SET_CLIENT = "setClient",
        FORWARD = "forward",
        SUBSCRIBE = "subscribe",
        SHUTDOWN = "shutdown",
        CONNECTED = "connected",
        CLIENT_SET = "clientSet",
        FORWARDED_EVENT = "forwardedEvent",
        HEARTBEAT = "heartbeat",
        SERVER_STATS = "serverStats",
        SERVER_NOTICE = "serverNotice",
        CLIENT_UPDATE = "clientUpdate",
        CLIENT_EVENT = "clientEvent",
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
        START_RUN = "startRun",
        CANCEL_RUN = "cancelRun",
        PROMOTE_RUN = "promoteRun",
        RESPOND_INTERACTION = "respondInteraction",
        JOIN_CONVERSATION = "joinConversation",
        LEAVE_CONVERSATION = "leaveConversation",
        CREATE_CONVERSATION = "createConversation",
        LIST_CONVERSATIONS = "listConversations",
        RENAME_CONVERSATION = "renameConversation",
        DELETE_CONVERSATION = "deleteConversation",
        SEARCH_CONVERSATIONS = "searchConversations",
        CLEAR_HISTORY = "clearHistory",
        INSERT_HISTORY = "insertHistory",
        ENHANCE_CHAT = "enhanceChat",
        GENERATE_TICKET_BODY = "generateTicketBody",
        GET_HISTORY = "getHistory",
        CREATE_TERMINAL = "createTerminal",
        JOIN_TERMINAL = "joinTerminal",
        LEAVE_TERMINAL = "leaveTerminal",
        TERMINAL_INPUT = "terminalInput",
        RESIZE_TERMINAL = "resizeTerminal",
        CLOSE_TERMINAL = "closeTerminal",
        LIST_TERMINALS = "listTerminals",
        LIST_FILES = "listFiles",
        READ_FILE = "readFile",
        WRITE_FILE = "writeFile",
        CREATE_FILE = "createFile",
        CREATE_DIRECTORY = "createDirectory",
        DELETE_FILE = "deleteFile",
        MOVE_FILE = "moveFile",
        FILE_UPDATE = "fileUpdate",
        SUBSCRIBE = "subscribe",
        LIST_AGENTS = "listAgents",
        CREATE_AGENT = "createAgent",
        DELETE_AGENT = "deleteAgent",
        START_AGENT = "startAgent",
        STOP_AGENT = "stopAgent",
        RESTART_AGENT = "restartAgent",
        CHECK_AGENT = "checkAgent",
        CHANGE_ENVIRONMENT = "changeEnvironment",
        PRESENCE = "presence",
        SHUTDOWN = "shutdown",
        LOGIN_SUCCESS = "loginSuccess",
        LOGIN_ERROR = "loginError",
        LOGOUT_SUCCESS = "logoutSuccess",
        CHAT_MESSAGE = "chatMessage",
        RUN_EVENT = "runEvent",
        CHAT_EVENT = "chatEvent",
        INTERACTION_REQUEST = "interactionRequest",
        INTERACTION_UPDATE = "interactionUpdate",
        AGENT_EVENT = "agentEvent",
        AGENT_CHANGED = "agentChanged",
        MESSAGE_FILTER_RESULT = "messageFilterResult",
        HISTORY_END = "historyEnd",
        CONVERSATION_UPDATE = "conversationUpdate",
        QUEUE_UPDATE = "queueUpdate",
        TERMINAL_CREATED = "terminalCreated",
        TERMINAL_OUTPUT = "terminalOutput",
        TERMINAL_CLOSED = "terminalClosed",
        FILE_UPDATE_NOTIFICATION = "fileUpdateNotification",
        CONTAINER_STATS = "containerStats",
        AGENT_UPDATE = "agentUpdate",
        CONVERSATION_ACTIVITY = "conversationActivity",
        RUN_ACTIVITY = "runActivity",
        CHAT_ENHANCE_RESULT = "chatEnhanceResult",
        TICKET_BODY_RESULT = "ticketBodyResult",
        SERVER_NOTICE = "serverNotice",
        ERROR = "error",
    }
}
