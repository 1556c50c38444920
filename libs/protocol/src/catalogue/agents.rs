//! Namespace `/agents`.

use super::{ForwardLogin, Message, Namespace};
use crate::agents::{
    AgentCreated, Agents, CancelRun, Chat, ChatAccepted, ChatEvent, ChatMessage, CreateAgent, Done,
    ForAgent, GetHistory, History, HistoryEnd, ListAgents, LiveEvent, LoggedIn, Login, LoginError,
    LoginSuccess, LogoutSuccess, RunCancelled, RunEvent,
};
use crate::error::{ErrorCode, WireError};
use crate::names::agents as names;

const HERE: Namespace = Namespace::Agents;

pub(super) const MESSAGES: &[Message] = &[
    HERE.command::<Login, LoggedIn>(names::LOGIN, "Log in to an agent and follow a conversation of it")
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
    HERE.command::<ForAgent, LogoutSuccess>(names::LOGOUT, "Stop following an agent")
        .about("`logoutSuccess` is sent besides the acknowledgement. Runs go on.")
        .refused_with(&[ErrorCode::Unauthorized]),
    HERE.command::<Chat, ChatAccepted>(names::CHAT, "Say something to an agent")
        .about(
            "Acknowledged when the message is on disk, before the agent has answered. The answer comes as events of the \
             run: deltas while it is written, then one `chatMessage` with the whole, then one terminal `runEvent`. \
             The same `messageId` again in the same conversation changes nothing and gets the same answer.",
        )
        .refused_with(&[
            ErrorCode::Unauthorized,
            ErrorCode::ConversationNotFound,
            ErrorCode::PayloadTooLarge,
            ErrorCode::QueueFull,
            ErrorCode::RunExists,
            ErrorCode::AgentUnavailable,
            ErrorCode::StoreUnavailable,
            ErrorCode::ServerStopping,
        ]),
    HERE.command::<CancelRun, RunCancelled>(names::CANCEL_RUN, "End a run that waits or runs")
        .about("The run's terminal `runEvent` follows.")
        .refused_with(&[ErrorCode::Unauthorized, ErrorCode::RunNotFound]),
    HERE.command::<GetHistory, History>(names::GET_HISTORY, "Read a page of a conversation")
        .refused_with(&[ErrorCode::Unauthorized, ErrorCode::ConversationNotFound, ErrorCode::StoreUnavailable]),
    HERE.command::<ListAgents, Agents>(names::LIST_AGENTS, "List the manager's agents"),
    HERE.command::<CreateAgent, AgentCreated>(names::CREATE_AGENT, "Add an agent")
        .about("The password is in the acknowledgement and nowhere else: the manager keeps a hash.")
        .refused_with(&[ErrorCode::NameTaken, ErrorCode::StoreUnavailable])
        .for_controllers(),
    HERE.command::<ForAgent, Done>(names::DELETE_AGENT, "Remove an agent with its conversations")
        .refused_with(&[ErrorCode::AgentNotFound, ErrorCode::StoreUnavailable])
        .for_controllers(),
    HERE.command::<ForAgent, Done>(names::START_AGENT, "Let a stopped agent take messages again")
        .refused_with(&[ErrorCode::AgentNotFound, ErrorCode::StoreUnavailable])
        .for_controllers(),
    HERE.command::<ForAgent, Done>(names::STOP_AGENT, "End an agent's runs and take no more")
        .refused_with(&[ErrorCode::AgentNotFound, ErrorCode::StoreUnavailable])
        .for_controllers(),
    HERE.command::<ForAgent, Done>(names::RESTART_AGENT, "End an agent's runs and its program, and start anew")
        .refused_with(&[ErrorCode::AgentNotFound, ErrorCode::StoreUnavailable])
        .for_controllers(),
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
    HERE.event::<HistoryEnd>(names::HISTORY_END, "The replay is over, what follows is live"),
    HERE.event::<WireError>(names::ERROR, "A command without acknowledgement was refused")
        .about("Says which in `event`. The connection stays open."),
];
