//! Namespace `/clients`.

use super::relayed::ForwardAnswer;
use super::{Message, Namespace};
use crate::access::Role;
use crate::clients::{
    ClientEvent, ClientSet, ClientUpdate, Connected, Forward, ForwardedEvent, Heartbeat, Remote,
    RemoteReconnectError, RemoteReconnecting, ServerStats, SetClient, SubscribeTopics,
    SubscribedTopics,
};
use crate::error::{ErrorCode, WireError};
use crate::lifecycle::{ServerNotice, Shutdown, Stopping};
use crate::names::clients as names;

const HERE: Namespace = Namespace::Clients;

pub(super) const MESSAGES: &[Message] = &[
    HERE.command::<SetClient, ClientSet>(Role::ReadOnly, names::SET_CLIENT, "Select the manager that `forward` goes to")
        .about(
            "Ends the subscriptions to agents of the client selected before. `clientSet` is sent besides the \
             acknowledgement.",
        )
        .refused_with(&[ErrorCode::ClientNotFound, ErrorCode::Forbidden]),
    HERE.command::<Forward, ForwardAnswer>(Role::ReadOnly, names::FORWARD, "Send a command to the selected manager")
        .about(
            "The payload reaches the manager as the bytes that came, and the acknowledgement is the manager's own. \
             With `agentId`, the controller logs in to that agent first, with the password that it keeps. \
             `login` subscribes this connection to the agent's events and replays its history; `logout` ends that.\n\n\
             While the manager cannot be reached, a `chat` with a `messageId` and a `cancelRun` wait for up to 30 s; \
             everything else is refused at once with `REMOTE_UNAVAILABLE` and `retryAfterMs`. A command may also be refused \
             with what the manager refuses it with.",
        )
        .refused_with(&[
            ErrorCode::NoClient,
            ErrorCode::UnknownEvent,
            ErrorCode::RemoteUnavailable,
            ErrorCode::PayloadTooLarge,
        ]),
    HERE.command::<SubscribeTopics, SubscribedTopics>(Role::ReadOnly, names::SUBSCRIBE, "Choose what to be told besides")
        .about(
            "Replaces the connection's choice, and has nothing to do with `setClient`. With `heartbeat`, `heartbeat` comes every \
             interval; with `stats`, `serverStats` comes at once and every interval.\n\n\
             With `activity`, directly behind the acknowledgement comes one `clientUpdate` with action `current` for every \
             registered client, then one `clientEvent` for every conversation that has an open run; then what changes. \
             A viewer that reads slowly gets only the newest of `agentUpdate` and `conversationActivity`, and the newest few of `clientUpdate`.",
        ),
    HERE.command::<Shutdown, Stopping>(Role::Admin, names::SHUTDOWN, "Stop the controller, and start it again if asked to")
        .about(
            "Where the manager is part of the same process, it stops first: new runs are refused with `SERVER_STOPPING`, open ones \
             may go on until the deadline, and are cancelled then. Everybody is told by `serverNotice` with id `stopping` or \
             `restarting`.",
        ),
    HERE.event::<Connected>(names::CONNECTED, "The first event of every connection"),
    HERE.event::<ClientSet>(names::CLIENT_SET, "A client was selected"),
    HERE.event::<ForwardedEvent>(names::FORWARDED_EVENT, "An event of the selected manager")
        .about("Name and payload are those of namespace `/agents`; the payload is the bytes that the manager sent."),
    HERE.event::<Heartbeat>(names::HEARTBEAT, "The controller is there")
        .about("To those who have subscribed to `heartbeat`."),
    HERE.event::<ServerStats>(names::SERVER_STATS, "What the controller uses and serves")
        .about("To those who have subscribed to `stats`."),
    HERE.event::<ServerNotice>(names::SERVER_NOTICE, "What the controller has to say to everybody")
        .about("Those that hold come behind `connected`, too. What a manager has to say comes inside `forwardedEvent`."),
    HERE.event::<ClientUpdate>(names::CLIENT_UPDATE, "A client with its agents, as it is now")
        .about("To those who have subscribed to `activity`."),
    HERE.event::<ClientEvent>(names::CLIENT_EVENT, "What an agent of any client is doing")
        .about(
            "To those who have subscribed to `activity`. Name and payload are those of namespace `/agents`; the payload is the \
             bytes that the manager sent.",
        ),
    HERE.event::<WireError>(names::ERROR, "A command without acknowledgement was refused")
        .about("Says which in `event`. The connection stays open."),
    HERE.event::<Remote>(names::REMOTE_DISCONNECTED, "The connection to the selected manager was lost")
        .about("The controller reconnects by itself; agents keep running meanwhile."),
    HERE.event::<RemoteReconnecting>(names::REMOTE_RECONNECTING, "The controller is about to try again"),
    HERE.event::<Remote>(names::REMOTE_RECONNECTED, "The selected manager is back")
        .about("Agents are logged in again, and every conversation goes on where it was: nothing to do."),
    HERE.event::<RemoteReconnectError>(names::REMOTE_RECONNECT_ERROR, "An attempt to reconnect failed"),
];
