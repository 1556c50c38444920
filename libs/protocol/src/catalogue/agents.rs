//! Namespace `/agents`.

use super::{ForwardLogin, Message, Namespace};
use crate::access::Role;
use crate::agents::{
    AgentChanged, AgentCheck, AgentCreated, AgentEvent, AgentUpdate, Agents, CancelRun,
    ChangeEnvironment, Chat, ChatAccepted, ChatEnhanceResult, ChatEvent, ChatMessage, Cleared,
    ContainerStats, ConversationActivity, ConversationInfo, ConversationUpdate, Conversations,
    CreateAgent, CreateConversation, CreateDirectory, CreateFile, CreateTerminal, DeleteFile, Done,
    EnhanceChat, Environment, EphemeralChatEvent, EphemeralMessage, EphemeralRunEvent, FileContent,
    FileUpdate, FileUpdateNotification, FileWritten, Files, ForAgent, ForConversation, ForTerminal,
    Found, GenerateTicketBody, GetHistory, HelperAccepted, History, HistoryEnd, InsertHistory,
    Inserted, InteractionEnded, InteractionRequest, InteractionUpdate, JoinConversation,
    JoinTerminal, Joined, ListAgents, ListConversations, ListFiles, ListTerminals, LiveEvent,
    LoggedIn, Login, LoginError, LoginSuccess, LogoutSuccess, MessageFilterResult, MoveFile,
    Presence, PromoteRun, QueueUpdate, ReadFile, RenameConversation, ResizeTerminal,
    RespondInteraction, RunActivity, RunCancelled, RunEvent, RunPromoted, SearchConversations,
    StartRun, Subscribe, Subscribed, TerminalClosed, TerminalInfo, TerminalInput, TerminalOutput,
    Terminals, TicketBodyResult, WriteFile,
};
use crate::error::{ErrorCode, WireError};
use crate::lifecycle::{ServerNotice, Shutdown, Stopping};
use crate::names::agents as names;

const HERE: Namespace = Namespace::Agents;

/// What reading files may be refused with.
const READING: &[ErrorCode] = &[
    ErrorCode::Unauthorized,
    ErrorCode::Forbidden,
    ErrorCode::Unsupported,
    ErrorCode::FileNotFound,
];

/// What changing files may be refused with.
const WRITING: &[ErrorCode] = &[
    ErrorCode::Unauthorized,
    ErrorCode::Forbidden,
    ErrorCode::Unsupported,
    ErrorCode::FileNotFound,
    ErrorCode::FileExists,
    ErrorCode::FileChanged,
    ErrorCode::PayloadTooLarge,
];

pub(super) const MESSAGES: &[Message] = &[
    HERE.command::<Login, LoggedIn>(Role::ReadOnly, names::LOGIN, "Log in to an agent and follow a conversation of it")
        .about(
            "Answered with `loginSuccess`, then the entries asked for as the events that they were, then `historyEnd`, \
             then live events; a refusal is also told by `loginError`. With `afterSeq` and `epoch` the replay begins \
             after that entry. A cursor of another epoch, or beyond the head, gets the whole history and \
             `recovered: false`.\n\n\
             Inside `forward` it has no password: the controller logs in with the one that it keeps, and answers with \
             the data of `loginSuccess`.",
        )
        .refused_with(&[ErrorCode::InvalidCredentials, ErrorCode::ConversationNotFound])
        .forwarded_as::<ForwardLogin, LoginSuccess>(),
    HERE.command::<ForAgent, LogoutSuccess>(Role::ReadOnly, names::LOGOUT, "Stop following an agent")
        .about("`logoutSuccess` is sent besides the acknowledgement. Runs go on.")
        .refused_with(&[ErrorCode::Unauthorized]),
    HERE.command::<Chat, ChatAccepted>(Role::User, names::CHAT, "Say something to an agent")
        .about(
            "Acknowledged when the message is on disk, before the agent has answered. The answer comes as events of the \
             run: deltas while it is written, then one `chatMessage` with the whole, then one terminal `runEvent`. \
             The same `messageId` again in the same conversation changes nothing and gets the same answer.\n\n\
             With `ephemeral` nothing is stored: the run is one of its own, without what was said in the conversation, and \
             its events, which have a `runId` and no `seq`, go to the connection that asked and nobody else; `seq` in the \
             acknowledgement is 0.",
        )
        .refused_with(&[
            ErrorCode::Unauthorized,
            ErrorCode::Forbidden,
            ErrorCode::ReadOnly,
            ErrorCode::ConversationNotFound,
            ErrorCode::PayloadTooLarge,
            ErrorCode::QueueFull,
            ErrorCode::RunExists,
            ErrorCode::AgentUnavailable,
            ErrorCode::StoreUnavailable,
            ErrorCode::ServerStopping,
        ]),
    HERE.command::<StartRun, ChatAccepted>(Role::User, names::START_RUN, "Start a run in parallel to others")
        .about(
            "The run has a session of the agent of its own. When the agent has as many such runs as it may, it waits; where \
             the conversation is followed, its events are as those of `chat`.",
        )
        .refused_with(&[
            ErrorCode::Unauthorized,
            ErrorCode::Forbidden,
            ErrorCode::ReadOnly,
            ErrorCode::ConversationNotFound,
            ErrorCode::PayloadTooLarge,
            ErrorCode::QueueFull,
            ErrorCode::RunExists,
            ErrorCode::AgentUnavailable,
            ErrorCode::StoreUnavailable,
            ErrorCode::ServerStopping,
        ]),
    HERE.command::<CancelRun, RunCancelled>(Role::User, names::CANCEL_RUN, "End a run that waits or runs")
        .about("The run's terminal `runEvent` follows.")
        .refused_with(&[ErrorCode::Unauthorized, ErrorCode::RunNotFound]),
    HERE.command::<PromoteRun, RunPromoted>(Role::User, names::PROMOTE_RUN, "Let a run that waits be the next")
        .about("Of a run that the agent has already, the position is 0.")
        .refused_with(&[ErrorCode::Unauthorized, ErrorCode::RunNotFound]),
    HERE.command::<RespondInteraction, InteractionEnded>(Role::User, names::RESPOND_INTERACTION, "Answer a question of an agent")
        .about(
            "The first answer counts, and is told to everybody by an `interactionUpdate`. An answer that the interaction \
             does not want, such as none of its choices, is refused and the interaction stays open.",
        )
        .refused_with(&[
            ErrorCode::Unauthorized,
            ErrorCode::InteractionNotFound,
            ErrorCode::AlreadyAnswered,
            ErrorCode::StoreUnavailable,
        ]),
    HERE.command::<JoinConversation, Joined>(Role::ReadOnly, names::JOIN_CONVERSATION, "Be present in a conversation and follow it")
        .about(
            "Several may be joined on one connection. The acknowledgement comes first, then the replay as with `login`, then \
             an `assistantSnapshot` of each answer that is being written, then live events.",
        )
        .refused_with(&[ErrorCode::Unauthorized, ErrorCode::ConversationNotFound, ErrorCode::AlreadyJoined]),
    HERE.command::<ForConversation, Done>(Role::ReadOnly, names::LEAVE_CONVERSATION, "Be no longer present in a conversation")
        .refused_with(&[ErrorCode::Unauthorized, ErrorCode::NotJoined]),
    HERE.command::<CreateConversation, ConversationInfo>(Role::User, names::CREATE_CONVERSATION, "Make a conversation")
        .refused_with(&[ErrorCode::Unauthorized, ErrorCode::NameTaken, ErrorCode::StoreUnavailable]),
    HERE.command::<ListConversations, Conversations>(Role::ReadOnly, names::LIST_CONVERSATIONS, "List conversations")
        .refused_with(&[ErrorCode::Unauthorized]),
    HERE.command::<RenameConversation, ConversationInfo>(Role::User, names::RENAME_CONVERSATION, "Give a conversation another name")
        .refused_with(&[
            ErrorCode::Unauthorized,
            ErrorCode::ConversationNotFound,
            ErrorCode::NameTaken,
            ErrorCode::Forbidden,
            ErrorCode::StoreUnavailable,
        ]),
    HERE.command::<ForConversation, Done>(Role::User, names::DELETE_CONVERSATION, "Remove a conversation with all that is in it")
        .about("Its open runs are ended first. The one called `default` cannot be deleted, only cleared.")
        .refused_with(&[
            ErrorCode::Unauthorized,
            ErrorCode::ConversationNotFound,
            ErrorCode::Forbidden,
            ErrorCode::StoreUnavailable,
        ]),
    HERE.command::<SearchConversations, Found>(Role::ReadOnly, names::SEARCH_CONVERSATIONS, "Search names and what was said")
        .refused_with(&[ErrorCode::Unauthorized, ErrorCode::StoreUnavailable]),
    HERE.command::<GetHistory, History>(Role::ReadOnly, names::GET_HISTORY, "Read a page of a conversation")
        .refused_with(&[ErrorCode::Unauthorized, ErrorCode::ConversationNotFound, ErrorCode::StoreUnavailable]),
    HERE.command::<ForConversation, Cleared>(Role::User, names::CLEAR_HISTORY, "Begin a conversation's log anew")
        .about(
            "The log gets a new epoch, and what is open, runs and interactions, is carried over as its first entries. \
             Followers are told and start over.",
        )
        .refused_with(&[ErrorCode::Unauthorized, ErrorCode::ConversationNotFound, ErrorCode::StoreUnavailable]),
    HERE.command::<InsertHistory, Inserted>(Role::User, names::INSERT_HISTORY, "Append messages that were said elsewhere")
        .about("All or none. The agent is not told. A read-only conversation takes them too: that is how one is filled.")
        .refused_with(&[
            ErrorCode::Unauthorized,
            ErrorCode::ConversationNotFound,
            ErrorCode::PayloadTooLarge,
            ErrorCode::StoreUnavailable,
        ]),
    HERE.command::<EnhanceChat, HelperAccepted>(Role::User, names::ENHANCE_CHAT, "Have the agent word a message better")
        .about("In a session of its own; nothing is stored. `chatEnhanceResult` goes to the connection that asked.")
        .refused_with(&[
            ErrorCode::Unauthorized,
            ErrorCode::Forbidden,
            ErrorCode::PayloadTooLarge,
            ErrorCode::QueueFull,
            ErrorCode::AgentUnavailable,
            ErrorCode::ServerStopping,
        ]),
    HERE.command::<GenerateTicketBody, HelperAccepted>(
        Role::User, names::GENERATE_TICKET_BODY,
        "Have the agent write the text of a ticket",
    )
    .about("In a session of its own; nothing is stored. `ticketBodyResult` goes to the connection that asked.")
    .refused_with(&[
        ErrorCode::Unauthorized,
        ErrorCode::Forbidden,
        ErrorCode::PayloadTooLarge,
        ErrorCode::QueueFull,
        ErrorCode::AgentUnavailable,
        ErrorCode::ServerStopping,
    ]),
    HERE.command::<CreateTerminal, TerminalInfo>(Role::User, names::CREATE_TERMINAL, "Start a shell in the agent's environment")
        .about(
            "Everybody who is logged in to the agent is told by `terminalCreated`. Who made it watches it: its output comes as \
             `terminalOutput`, its end as `terminalClosed`. It outlives those who watch it by 30 s. In a container it ends with \
             the container; where none runs it is refused with `AGENT_UNAVAILABLE`.",
        )
        .refused_with(&[
            ErrorCode::Unauthorized,
            ErrorCode::Forbidden,
            ErrorCode::Unsupported,
            ErrorCode::TerminalExists,
            ErrorCode::LimitReached,
            ErrorCode::AgentUnavailable,
            ErrorCode::ServerStopping,
        ]),
    HERE.command::<JoinTerminal, TerminalInfo>(Role::ReadOnly, names::JOIN_TERMINAL, "Watch a terminal")
        .about(
            "The newest 256 KiB of its output come first, or what of them is after `offset`, then what is new. Again on the same \
             connection: begin again.",
        )
        .refused_with(&[ErrorCode::Unauthorized, ErrorCode::TerminalNotFound]),
    HERE.command::<ForTerminal, Done>(Role::ReadOnly, names::LEAVE_TERMINAL, "Watch a terminal no more")
        .refused_with(&[ErrorCode::Unauthorized, ErrorCode::TerminalNotFound]),
    HERE.command::<TerminalInput, Done>(Role::User, names::TERMINAL_INPUT, "Type into a terminal that one watches")
        .about("Acknowledged when it waits for the program to read it. `RATE_LIMITED` when too much waits already.")
        .refused_with(&[
            ErrorCode::Unauthorized,
            ErrorCode::Forbidden,
            ErrorCode::TerminalNotFound,
            ErrorCode::PayloadTooLarge,
        ]),
    HERE.command::<ResizeTerminal, Done>(Role::User, names::RESIZE_TERMINAL, "Give a terminal that one watches another size")
        .refused_with(&[ErrorCode::Unauthorized, ErrorCode::Forbidden, ErrorCode::TerminalNotFound]),
    HERE.command::<ForTerminal, Done>(Role::User, names::CLOSE_TERMINAL, "End a terminal that one watches, with all that runs in it")
        .about("`terminalClosed` follows.")
        .refused_with(&[ErrorCode::Unauthorized, ErrorCode::Forbidden, ErrorCode::TerminalNotFound]),
    HERE.command::<ListTerminals, Terminals>(Role::ReadOnly, names::LIST_TERMINALS, "List an agent's terminals")
        .refused_with(&[ErrorCode::Unauthorized]),
    HERE.command::<ListFiles, Files>(Role::ReadOnly, names::LIST_FILES, "List a directory of the agent's workspace")
        .refused_with(READING),
    HERE.command::<ReadFile, FileContent>(Role::ReadOnly, names::READ_FILE, "Read a part of a file of the agent's workspace")
        .refused_with(READING),
    HERE.command::<WriteFile, FileWritten>(Role::User, names::WRITE_FILE, "Write a file of the agent's workspace")
        .about("Others are told by `fileUpdateNotification`, as of everything that changes files by way of longshore.")
        .refused_with(WRITING),
    HERE.command::<CreateFile, FileWritten>(Role::User, names::CREATE_FILE, "Make a file in the agent's workspace")
        .refused_with(WRITING),
    HERE.command::<CreateDirectory, Done>(Role::User, names::CREATE_DIRECTORY, "Make a directory in the agent's workspace")
        .refused_with(WRITING),
    HERE.command::<DeleteFile, Done>(Role::User, names::DELETE_FILE, "Remove a file or directory from the agent's workspace")
        .about("A link is removed, and not what it leads to.")
        .refused_with(WRITING),
    HERE.command::<MoveFile, Done>(Role::User, names::MOVE_FILE, "Move a file or directory within the agent's workspace")
        .refused_with(WRITING),
    HERE.command::<FileUpdate, Done>(Role::User, names::FILE_UPDATE, "Say that a file has changed")
        .about("Everybody else who is logged in to the agent is told by `fileUpdateNotification`.")
        .refused_with(&[ErrorCode::Unauthorized, ErrorCode::Forbidden]),
    HERE.command::<Subscribe, Subscribed>(Role::ReadOnly, names::SUBSCRIBE, "Choose what to be told about an agent, or about all")
        .about(
            "`containerStats` is of one agent that the connection is logged in to; it comes at once and then every 5 s. Nothing is measured \
             while nobody wants to know.\n\n\
             `activity` is of all agents, without login, and not for viewers, whom the controller tells (`subscribe` of namespace \
             `/clients`). Behind the acknowledgement come one `agentUpdate` with action `current` for every agent and \
             then one `conversationActivity` for every conversation that has an open run; then what changes. A choice without \
             `agentId` replaces the connection's choice of `activity` and no other.",
        )
        .refused_with(&[ErrorCode::Unauthorized, ErrorCode::Unsupported]),
    HERE.command::<ListAgents, Agents>(Role::ReadOnly, names::LIST_AGENTS, "List the manager's agents"),
    HERE.command::<CreateAgent, AgentCreated>(Role::Admin, names::CREATE_AGENT, "Add an agent")
        .about("The password is in the acknowledgement and nowhere else: the manager keeps a hash.")
        .refused_with(&[ErrorCode::NameTaken, ErrorCode::StoreUnavailable])
        .for_controllers(),
    HERE.command::<ForAgent, Done>(Role::Admin, names::DELETE_AGENT, "Remove an agent with its conversations")
        .refused_with(&[ErrorCode::AgentNotFound, ErrorCode::StoreUnavailable])
        .for_controllers(),
    HERE.command::<ForAgent, Done>(Role::Admin, names::START_AGENT, "Let a stopped agent take messages again")
        .refused_with(&[ErrorCode::AgentNotFound, ErrorCode::StoreUnavailable])
        .for_controllers(),
    HERE.command::<ForAgent, Done>(Role::Admin, names::STOP_AGENT, "End an agent's runs and take no more")
        .refused_with(&[ErrorCode::AgentNotFound, ErrorCode::StoreUnavailable])
        .for_controllers(),
    HERE.command::<ForAgent, Done>(Role::Admin, names::RESTART_AGENT, "End an agent's runs and its program, and start anew")
        .refused_with(&[ErrorCode::AgentNotFound, ErrorCode::StoreUnavailable])
        .for_controllers(),
    HERE.command::<ForAgent, AgentCheck>(Role::Admin, names::CHECK_AGENT, "Look whether an agent can be used")
        .about("Its program is started beside those that run, has to answer as one of its codec does, and is ended. Nothing is said to it.")
        .refused_with(&[ErrorCode::AgentNotFound])
        .for_controllers(),
    HERE.command::<ChangeEnvironment, Environment>(Role::Admin, names::CHANGE_ENVIRONMENT, "Set and remove variables of an agent's environment")
        .about(
            "They are sealed in the manager's store; values are never given back. What the agent starts from then on has them, \
             so `restartAgent` applies them.",
        )
        .refused_with(&[
            ErrorCode::AgentNotFound,
            ErrorCode::Unsupported,
            ErrorCode::LimitReached,
            ErrorCode::PayloadTooLarge,
            ErrorCode::StoreUnavailable,
        ])
        .for_controllers(),
    HERE.command::<Presence, Done>(Role::Admin, names::PRESENCE, "Say who is present by way of a controller")
        .refused_with(&[ErrorCode::Unauthorized, ErrorCode::ConversationNotFound])
        .for_controllers(),
    HERE.command::<Shutdown, Stopping>(Role::Admin, names::SHUTDOWN, "Stop the manager, and start it again if asked to")
        .about(
            "New runs are refused with `SERVER_STOPPING`, open ones may go on until the deadline and are cancelled then, with reason \
             `server_stopping`; then agents end and the store is closed. Everybody is told by `serverNotice` with id `stopping` or \
             `restarting`.",
        ),
    HERE.event::<LoginSuccess>(names::LOGIN_SUCCESS, "Logged in; the replay follows"),
    HERE.event::<LoginError>(names::LOGIN_ERROR, "A login was refused")
        .about("Whether the agent or the password was wrong is not said, and takes the same time."),
    HERE.event::<LogoutSuccess>(names::LOGOUT_SUCCESS, "The agent is no longer followed"),
    HERE.event::<ChatMessage>(names::CHAT_MESSAGE, "What a person or the agent said").stored(),
    HERE.event::<RunEvent>(names::RUN_EVENT, "A run changed its state")
        .about("A run has exactly one event with a terminal state (`done`, `cancelled`, `failed`), whatever dies.")
        .stored(),
    HERE.event::<ChatEvent>(names::CHAT_EVENT, "Something that happened within a turn").stored(),
    HERE.event::<LiveEvent>(names::CHAT_EVENT, "A piece of an answer that is being written")
        .keyed("liveChatEvent")
        .about("Live only: it has a `sequence` and no `seq`, is not replayed, and the final `chatMessage` replaces it."),
    HERE.event::<InteractionRequest>(names::INTERACTION_REQUEST, "The agent asks, and waits for the answer").stored(),
    HERE.event::<InteractionUpdate>(names::INTERACTION_UPDATE, "An interaction has ended")
        .about("Exactly one for each `interactionRequest`.")
        .stored(),
    HERE.event::<AgentEvent>(names::AGENT_EVENT, "Something of the agent's own").stored(),
    HERE.event::<AgentChanged>(names::AGENT_CHANGED, "Another agent answers from now on")
        .about("The agent handed the turn over: the run goes on with the other one.")
        .stored(),
    HERE.event::<MessageFilterResult>(names::MESSAGE_FILTER_RESULT, "A filter found something")
        .about("It comes before the message concerned. What was found is not said.")
        .stored(),
    HERE.event::<EphemeralMessage>(names::CHAT_MESSAGE, "What was said in an ephemeral run")
        .keyed("ephemeralChatMessage"),
    HERE.event::<EphemeralRunEvent>(names::RUN_EVENT, "An ephemeral run changed its state")
        .keyed("ephemeralRunEvent"),
    HERE.event::<EphemeralChatEvent>(names::CHAT_EVENT, "Something that happened within an ephemeral run")
        .keyed("ephemeralChatEvent"),
    HERE.event::<ConversationUpdate>(names::CONVERSATION_UPDATE, "A conversation was made, changed or removed"),
    HERE.event::<QueueUpdate>(names::QUEUE_UPDATE, "The open runs of a conversation")
        .about("The newest replaces all before. A slow reader gets only the newest."),
    HERE.event::<TerminalInfo>(names::TERMINAL_CREATED, "A terminal was made"),
    HERE.event::<TerminalOutput>(names::TERMINAL_OUTPUT, "Something was printed in a terminal")
        .about("To those who watch it. A reader that is too slow skips output, and sees that by `offset`."),
    HERE.event::<TerminalClosed>(names::TERMINAL_CLOSED, "A terminal has ended")
        .about("Once, to everybody who is logged in to the agent or watches the terminal; behind its output for the latter."),
    HERE.event::<FileUpdateNotification>(names::FILE_UPDATE_NOTIFICATION, "Somebody else has changed a file"),
    HERE.event::<ContainerStats>(names::CONTAINER_STATS, "What an agent's programs use")
        .about("To those who have asked for it with `subscribe`."),
    HERE.event::<AgentUpdate>(names::AGENT_UPDATE, "What an agent is doing")
        .about("To those who have subscribed to `activity`. The newest replaces all before.")
        .for_controllers(),
    HERE.event::<ConversationActivity>(names::CONVERSATION_ACTIVITY, "What is going on in a conversation")
        .about("To those who have subscribed to `activity`. The newest replaces all before.")
        .for_controllers(),
    HERE.event::<RunActivity>(names::RUN_ACTIVITY, "A run has ended or needs an answer")
        .about(
            "To those who have subscribed to `activity`, once for each stored `runEvent` of these states. `seq` is that of the \
             `runEvent`: this itself is not an entry, and is not replayed.",
        )
        .for_controllers(),
    HERE.event::<ChatEnhanceResult>(names::CHAT_ENHANCE_RESULT, "The better wording of a message"),
    HERE.event::<TicketBodyResult>(names::TICKET_BODY_RESULT, "The text of a ticket"),
    HERE.event::<HistoryEnd>(names::HISTORY_END, "The replay is over, what follows is live"),
    HERE.event::<ServerNotice>(names::SERVER_NOTICE, "What the manager has to say to everybody")
        .about("Those that hold are told to who connects, and by a controller to who selects the client."),
    HERE.event::<WireError>(names::ERROR, "A command without acknowledgement was refused")
        .about("Says which in `event`. The connection stays open."),
];
