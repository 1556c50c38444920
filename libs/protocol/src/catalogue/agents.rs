//! Namespace `/agents`.

use super::{ForwardLogin, Message, Namespace};
use crate::agents::{
    AgentChanged, AgentCreated, AgentEvent, Agents, CancelRun, Chat, ChatAccepted,
    ChatEnhanceResult, ChatEvent, ChatMessage, Cleared, ConversationInfo, ConversationUpdate,
    Conversations, CreateAgent, CreateConversation, Done, EnhanceChat, EphemeralChatEvent,
    EphemeralMessage, EphemeralRunEvent, ForAgent, ForConversation, Found, GenerateTicketBody,
    GetHistory, HelperAccepted, History, HistoryEnd, InsertHistory, Inserted, InteractionEnded,
    InteractionRequest, InteractionUpdate, JoinConversation, Joined, ListAgents, ListConversations,
    LiveEvent, LoggedIn, Login, LoginError, LoginSuccess, LogoutSuccess, MessageFilterResult,
    Presence, PromoteRun, QueueUpdate, RenameConversation, RespondInteraction, RunCancelled,
    RunEvent, RunPromoted, SearchConversations, StartRun, TicketBodyResult,
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
    HERE.command::<StartRun, ChatAccepted>(names::START_RUN, "Start a run in parallel to others")
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
    HERE.command::<CancelRun, RunCancelled>(names::CANCEL_RUN, "End a run that waits or runs")
        .about("The run's terminal `runEvent` follows.")
        .refused_with(&[ErrorCode::Unauthorized, ErrorCode::RunNotFound]),
    HERE.command::<PromoteRun, RunPromoted>(names::PROMOTE_RUN, "Let a run that waits be the next")
        .about("Of a run that the agent has already, the position is 0.")
        .refused_with(&[ErrorCode::Unauthorized, ErrorCode::RunNotFound]),
    HERE.command::<RespondInteraction, InteractionEnded>(names::RESPOND_INTERACTION, "Answer a question of an agent")
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
    HERE.command::<JoinConversation, Joined>(names::JOIN_CONVERSATION, "Be present in a conversation and follow it")
        .about(
            "Several may be joined on one connection. The acknowledgement comes first, then the replay as with `login`, then \
             an `assistantSnapshot` of each answer that is being written, then live events.",
        )
        .refused_with(&[ErrorCode::Unauthorized, ErrorCode::ConversationNotFound, ErrorCode::AlreadyJoined]),
    HERE.command::<ForConversation, Done>(names::LEAVE_CONVERSATION, "Be no longer present in a conversation")
        .refused_with(&[ErrorCode::Unauthorized, ErrorCode::NotJoined]),
    HERE.command::<CreateConversation, ConversationInfo>(names::CREATE_CONVERSATION, "Make a conversation")
        .refused_with(&[ErrorCode::Unauthorized, ErrorCode::NameTaken, ErrorCode::StoreUnavailable]),
    HERE.command::<ListConversations, Conversations>(names::LIST_CONVERSATIONS, "List conversations")
        .refused_with(&[ErrorCode::Unauthorized]),
    HERE.command::<RenameConversation, ConversationInfo>(names::RENAME_CONVERSATION, "Give a conversation another name")
        .refused_with(&[
            ErrorCode::Unauthorized,
            ErrorCode::ConversationNotFound,
            ErrorCode::NameTaken,
            ErrorCode::Forbidden,
            ErrorCode::StoreUnavailable,
        ]),
    HERE.command::<ForConversation, Done>(names::DELETE_CONVERSATION, "Remove a conversation with all that is in it")
        .about("Its open runs are ended first. The one called `default` cannot be deleted, only cleared.")
        .refused_with(&[
            ErrorCode::Unauthorized,
            ErrorCode::ConversationNotFound,
            ErrorCode::Forbidden,
            ErrorCode::StoreUnavailable,
        ]),
    HERE.command::<SearchConversations, Found>(names::SEARCH_CONVERSATIONS, "Search names and what was said")
        .refused_with(&[ErrorCode::Unauthorized, ErrorCode::StoreUnavailable]),
    HERE.command::<GetHistory, History>(names::GET_HISTORY, "Read a page of a conversation")
        .refused_with(&[ErrorCode::Unauthorized, ErrorCode::ConversationNotFound, ErrorCode::StoreUnavailable]),
    HERE.command::<ForConversation, Cleared>(names::CLEAR_HISTORY, "Begin a conversation's log anew")
        .about(
            "The log gets a new epoch, and what is open, runs and interactions, is carried over as its first entries. \
             Followers are told and start over.",
        )
        .refused_with(&[ErrorCode::Unauthorized, ErrorCode::ConversationNotFound, ErrorCode::StoreUnavailable]),
    HERE.command::<InsertHistory, Inserted>(names::INSERT_HISTORY, "Append messages that were said elsewhere")
        .about("All or none. The agent is not told. A read-only conversation takes them too: that is how one is filled.")
        .refused_with(&[
            ErrorCode::Unauthorized,
            ErrorCode::ConversationNotFound,
            ErrorCode::PayloadTooLarge,
            ErrorCode::StoreUnavailable,
        ]),
    HERE.command::<EnhanceChat, HelperAccepted>(names::ENHANCE_CHAT, "Have the agent word a message better")
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
        names::GENERATE_TICKET_BODY,
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
    HERE.command::<Presence, Done>(names::PRESENCE, "Say who is present by way of a controller")
        .refused_with(&[ErrorCode::Unauthorized, ErrorCode::ConversationNotFound])
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
    HERE.event::<ChatEnhanceResult>(names::CHAT_ENHANCE_RESULT, "The better wording of a message"),
    HERE.event::<TicketBodyResult>(names::TICKET_BODY_RESULT, "The text of a ticket"),
    HERE.event::<HistoryEnd>(names::HISTORY_END, "The replay is over, what follows is live"),
    HERE.event::<WireError>(names::ERROR, "A command without acknowledgement was refused")
        .about("Says which in `event`. The connection stays open."),
];
