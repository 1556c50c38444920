// Written by `make contract` from libs/protocol. Do not edit.

/** Acknowledgement of `createAgent`. */
export interface AgentCreated {
  /** The new agent. */
  agentId: AgentId;
  /** Its password, 192 random bits. The manager keeps only a hash of it. */
  password: string;
}

/** A named program under one manager. */
export type AgentId = string;

/** One agent as a list shows it. */
export interface AgentInfo {
  /** The agent. */
  agentId: AgentId;
  /** Its name. */
  name: string;
  /** What it is doing. */
  state: AgentState;
  /** Connections that are logged in to it. */
  clientCount: number;
}

/** An agent's answer. */
export type AgentResponse =
  /** Plain text. */
  | {
    type: "text";
    /** The text. */
    result: string;
  };

/** An agent's configuration, as in the configuration file, over REST and in the store. */
export interface AgentSpec {
  /** Shown to people; unique within a manager, 1 to 128 characters. */
  name: string;
  /** What its stdin and stdout mean. */
  codec: Codec;
  /** Where its program runs. Absent only for a codec that is built in. */
  host?: Host;
}

/** What an agent is doing. */
export type AgentState =
  /** Takes no messages until it is started. */
  | "stopped"
  /** Waits for a message. */
  | "idle"
  /** At least one run is open. */
  | "running";

/** Acknowledgement of `listAgents`. */
export interface Agents {
  /** All agents of the manager, by name. */
  agents: Array<AgentInfo>;
}

/** The handshake's `auth` object of namespace `/agents`. */
export interface AgentsAuth {
  /** The manager's API key, `lsm_…`. The header `Authorization: Bearer …` does as well. */
  token?: string;
}

/** What a cancelled run was doing. */
export type CancelKind =
  /** The agent had it. */
  | "cancelled_running"
  /** It waited. */
  | "cancelled_queued";

/** `cancelRun` */
export interface CancelRun {
  /** The run. */
  runId: RunId;
  /** The agent; not needed. */
  agentId?: AgentId;
}

/** `chat`: say something to an agent. */
export interface Chat {
  /** The agent; may be left to `forward`. */
  agentId?: AgentId;
  /** 1 byte to 1 MiB of text, not only white space. */
  message: string;
  /** The conversation; without one, the one called `default`. */
  conversationId?: ConversationId;
  /** The same again in the same conversation changes nothing and gets the same answer. */
  messageId?: MessageId;
  /** The run's id; without one, the manager makes one. */
  runId?: RunId;
}

/** Acknowledgement of `chat`, given when the message is on disk. */
export interface ChatAccepted {
  /** The conversation that it is in. */
  conversationId: ConversationId;
  /** The run that answers it. */
  runId: RunId;
  /** The position of the message. */
  seq: Seq;
  /** `queued` or `started`. */
  state: RunState;
  /** With `queued`: how many runs are before it, 1 for the next one. */
  position?: number;
}

/** `chatEvent` as it is stored: something that happened within a turn. */
export type ChatEvent = {
  /** The agent whose log it is in. */
  agentId: AgentId;
  /** The log that it is in. */
  conversationId: ConversationId;
  /** Its position there. */
  seq: Seq;
  /** The run that it belongs to; absent for what an agent says unasked. */
  runId?: RunId;
  /** When it was appended. */
  timestamp: Timestamp;
} & (
  /** Something to know about the agent, such as its program having been restarted. */
  | {
    kind: "status";
    payload: {
      /** For people. */
      message: string;
    };
  }
  /** Output that is not part of an answer, kept as it came. */
  | {
    kind: "raw";
    payload: {
      /** Where it came from. */
      stream: OutputStream;
      /** The text; bytes that are no UTF-8 are replaced by U+FFFD. */
      text: string;
      /** Whether the text is only the head of what came. */
      truncated?: boolean;
      /** With `truncated`: how many bytes came. */
      bytes?: number;
    };
  }
);

/** `chatMessage`: what a person or the agent said. */
export type ChatMessage = {
  /** The agent whose log it is in. */
  agentId: AgentId;
  /** The log that it is in. */
  conversationId: ConversationId;
  /** Its position there. */
  seq: Seq;
  /** The run that it belongs to; absent for what an agent says unasked. */
  runId?: RunId;
  /** When it was appended. */
  timestamp: Timestamp;
} & (
  /** A person's message. */
  | {
    from: "user";
    /** Unique id of the message. */
    id: EntryId;
    /** The message. */
    text: string;
    /** The sender's own id for it. */
    messageId?: MessageId;
    /** Who sent it. */
    viewerId?: ViewerId;
    /** The sender's user name. */
    user?: string;
  }
  /** The agent's answer, or what it says unasked. */
  | {
    from: "agent";
    /** Unique id of the message. */
    id: EntryId;
    /** The agent's name when it answered. */
    agentName: string;
    /** The answer. */
    response: AgentResponse;
  }
);

/** The handshake's `auth` object. */
export interface ClientAuth {
  /** An access token, `ls_…`. The header `Authorization: Bearer …` does as well. */
  token?: string;
  /** The viewer's own stable id, so that a reconnect is the same viewer. */
  clientKey?: string;
}

/** A registered manager, as a user sees it (a workspace). */
export type ClientId = string;

/** `clientSet`: the answer to `setClient`. */
export interface ClientSet {
  /** The selected client. */
  clientId: ClientId;
  /** `Client context set`. */
  message: string;
}

/** What an agent's stdin and stdout mean. */
export type Codec =
  /** Built in: answers what it is told, for trying longshore and for tests. */
  | {
    type: "echo";
  }
  /** Any program: a message is written as lines, what it prints until the turn ends is the answer. */
  | {
    type: "lines";
    /** The turn ends at output that this pattern matches (a line, or a prompt without newline). */
    sentinel?: string;
    /** The turn ends after its first line. */
    oneLine?: boolean;
    /** Without a sentinel, the turn ends after this quiet time following output, in milliseconds. */
    quietMs?: number;
    /** With no output at all the turn ends as an empty answer after this time, in milliseconds. */
    emptyMs?: number;
  };

/** `connected`: the first event of every connection. */
export interface Connected {
  /** This socket; new each time. */
  connectionId: ConnectionId;
  /** This viewer; the same after a reconnect with the same `clientKey`. */
  viewerId: ViewerId;
  /** Version of the server. */
  serverVersion: string;
  /** The server's clock. */
  serverTime: Timestamp;
}

/** One socket; new each time. */
export type ConnectionId = string;

/** One log within an agent. */
export type ConversationId = string;

/** `createAgent`: from a controller only, for its REST interface. */
export interface CreateAgent {
  /** What the agent is. */
  spec: AgentSpec;
}

/** Answer of a command that has nothing to say: `{}`. */
export type Done = Record<string, never>;

/** One stored message. */
export type EntryId = string;

/** One life of a log. It changes when the log is cleared or its store was replaced. */
export type Epoch = string;

/** What went wrong, as a stable code that a client may act on. */
export type ErrorCode =
  /** No valid token or API key, or no login to the agent. */
  | "UNAUTHORIZED"
  /** Known, but not allowed. */
  | "FORBIDDEN"
  /** Unknown agent or wrong password; which of the two is not said. */
  | "INVALID_CREDENTIALS"
  /** A field is missing or of the wrong type. */
  | "INVALID_PAYLOAD"
  /** No such command. */
  | "UNKNOWN_EVENT"
  /** `forward` before `setClient`. */
  | "NO_CLIENT"
  /** No client of that id. */
  | "CLIENT_NOT_FOUND"
  /** No agent of that id. */
  | "AGENT_NOT_FOUND"
  /** No conversation of that id. */
  | "CONVERSATION_NOT_FOUND"
  /** No run of that id is open. */
  | "RUN_NOT_FOUND"
  /** A run of that id is already open. */
  | "RUN_EXISTS"
  /** No interaction of that id. */
  | "INTERACTION_NOT_FOUND"
  /** Somebody else's answer was first. */
  | "ALREADY_ANSWERED"
  /** The conversation is followed already. */
  | "ALREADY_JOINED"
  /** The conversation is not followed. */
  | "NOT_JOINED"
  /** Another one has this name. */
  | "NAME_TAKEN"
  /** The conversation takes no more entries. */
  | "READ_ONLY"
  /** As many runs wait as may. */
  | "QUEUE_FULL"
  /** Too many in too short a time. */
  | "RATE_LIMITED"
  /** Larger than allowed. */
  | "PAYLOAD_TOO_LARGE"
  /** The manager cannot be reached now. */
  | "REMOTE_UNAVAILABLE"
  /** The agent is stopped or cannot be started. */
  | "AGENT_UNAVAILABLE"
  /** The database cannot be written or read. */
  | "STORE_UNAVAILABLE"
  /** The server is going down. */
  | "SERVER_STOPPING"
  /** A defect of the server; its log has the cause. */
  | "INTERNAL";

/** `logout`, `deleteAgent`, `startAgent`, `stopAgent`, `restartAgent`: a command about one agent. */
export interface ForAgent {
  /** The agent. */
  agentId: AgentId;
}

/**
 * `forward`: a command of namespace `/agents` for the selected manager.
 *
 * `agentId` names the agent that it is for, which the payload then need not.
 * It is logged in to first where needed.
 */
export type Forward =
  /** Log in to an agent and follow a conversation of it */
  | {
    event: "login";
    payload?: ForwardLogin;
    agentId?: AgentId;
  }
  /** Stop following an agent */
  | {
    event: "logout";
    payload?: ForAgent;
    agentId?: AgentId;
  }
  /** Say something to an agent */
  | {
    event: "chat";
    payload: Chat;
    agentId?: AgentId;
  }
  /** End a run that waits or runs */
  | {
    event: "cancelRun";
    payload: CancelRun;
    agentId?: AgentId;
  }
  /** Read a page of a conversation */
  | {
    event: "getHistory";
    payload?: GetHistory;
    agentId?: AgentId;
  }
  /** List the manager's agents */
  | {
    event: "listAgents";
    payload?: ListAgents;
    agentId?: AgentId;
  };

/** What the forwarded command answers. */
export type ForwardAnswer =
  | LoginSuccess
  | LogoutSuccess
  | ChatAccepted
  | RunCancelled
  | History
  | Agents;

/** `login` inside `forward`: follow a conversation. The controller adds what proves that it may. */
export interface ForwardLogin {
  /** The agent; may be left to `forward`. */
  agentId?: AgentId;
  /** The conversation; without one, the one called `default`. */
  conversationId?: ConversationId;
  /** The newest entry that the caller has. */
  afterSeq?: Seq;
  /** The epoch of that entry. */
  epoch?: Epoch;
  /** At most this many of the newest entries are replayed; without it, all. */
  limit?: number;
}

/** `forwardedEvent`: an event of namespace `/agents`, payload untouched. */
export type ForwardedEvent =
  /** Logged in; the replay follows */
  | {
    event: "loginSuccess";
    payload: LoginSuccess;
  }
  /** A login was refused */
  | {
    event: "loginError";
    payload: LoginError;
  }
  /** The agent is no longer followed */
  | {
    event: "logoutSuccess";
    payload: LogoutSuccess;
  }
  /** What a person or the agent said */
  | {
    event: "chatMessage";
    payload: ChatMessage;
  }
  /** A run changed its state */
  | {
    event: "runEvent";
    payload: RunEvent;
  }
  /** Something that happened within a turn */
  | {
    event: "chatEvent";
    payload: ChatEvent;
  }
  /** A piece of an answer that is being written */
  | {
    event: "chatEvent";
    payload: LiveEvent;
  }
  /** The replay is over, what follows is live */
  | {
    event: "historyEnd";
    payload: HistoryEnd;
  }
  /** A command without acknowledgement was refused */
  | {
    event: "error";
    payload: WireError;
  };

/**
 * `getHistory`: a page of entries, oldest first.
 *
 * With `afterSeq` those after it; else the newest before `beforeSeq`, or the newest of all.
 */
export interface GetHistory {
  /** The agent; may be left to `forward`. */
  agentId?: AgentId;
  /** The conversation; without one, the one called `default`. */
  conversationId?: ConversationId;
  /** Only entries before this one. */
  beforeSeq?: Seq;
  /** Only entries after this one. */
  afterSeq?: Seq;
  /** At most this many, 1 to 500; 100 without. */
  limit?: number;
}

/** Acknowledgement of `getHistory`. */
export interface History {
  /** The life that the log is in. */
  epoch: Epoch;
  /** The newest entry of the log. */
  headSeq: Seq;
  /** The entries, oldest first. */
  events: Array<HistoryEvent>;
  /** Whether there are more in the direction that was asked for. */
  hasMore: boolean;
}

/** `historyEnd`: the replay is over, what follows is live. */
export interface HistoryEnd {
  /** The agent. */
  agentId: AgentId;
  /** The log. */
  conversationId: ConversationId;
  /** The life that the log is in; to be sent with the cursor on the next login. */
  epoch: Epoch;
  /** First entry replayed; 0 when there was none. */
  fromSeq: Seq;
  /** Newest entry that the viewer has now: its cursor. */
  toSeq: Seq;
  /** Entries replayed. */
  count: number;
  /** Whether `limit` left out older entries. */
  hasMore: boolean;
  /**
   * Whether what the viewer had is still true. Not if its cursor was of another life of the log, or beyond its
   * end: then the replay is the whole log, and replaces what the viewer has.
   */
  recovered: boolean;
}

/** One entry of a page, as the event that it is, byte for byte as it was live. */
export type HistoryEvent =
  /** What a person or the agent said */
  | {
    event: "chatMessage";
    payload: ChatMessage;
  }
  /** A run changed its state */
  | {
    event: "runEvent";
    payload: RunEvent;
  }
  /** Something that happened within a turn */
  | {
    event: "chatEvent";
    payload: ChatEvent;
  };

/** Where an agent's program runs. */
export type Host =
  /** A child process of the manager, in a process group of its own. */
  | {
    type: "process";
    /** The program: a path, or a name looked up on the PATH. */
    command: string;
    /** Its arguments. */
    args?: Array<string>;
    /** Added to the few variables that are passed on from the manager's environment. */
    env?: Record<string, string>;
    /** Working directory; without one, the agent's own directory under the data directory. */
    cwd?: string;
  };

/** `listAgents`: all agents of the manager. It has no fields; `{}` or no payload at all. */
export type ListAgents = Record<string, never>;

/** `chatEvent` of kind `assistantDelta`: a piece of the answer, live only, superseded by the final `chatMessage`. */
export type LiveEvent = {
  /** The agent. */
  agentId: AgentId;
  /** The log. */
  conversationId: ConversationId;
  /** The run. */
  runId: RunId;
  /** When. */
  timestamp: Timestamp;
  /** 0, 1, 2 … within the run. */
  sequence: number;
} & (
  /** A piece of the answer. */
  | {
    kind: "assistantDelta";
    payload: {
      /** Text that follows the one before. */
      delta: string;
    };
  }
);

/** Acknowledgement of `login` on `/agents`. */
export interface LoggedIn {
  /** `Welcome, <name>!` */
  message: string;
  /** The agent. */
  agentId: AgentId;
  /** Its name. */
  agentName: string;
  /** The log that is replayed. */
  conversationId: ConversationId;
  /** The life that the log is in. */
  epoch: Epoch;
  /** Its newest entry. An event with a smaller or equal `seq` is history, a greater one news. */
  headSeq: Seq;
  /** Logs in again without the password, until the password changes. Never reaches a frontend. */
  resumeToken: string;
}

/**
 * `login`: log in to an agent and follow a conversation of it.
 *
 * One of `password` and `resumeToken`. With `afterSeq` and `epoch` the replay begins after that entry;
 * with `limit` it has at most the newest that many entries.
 */
export interface Login {
  /** The agent. */
  agentId: AgentId;
  /** Its password. */
  password?: string;
  /** From the acknowledgement of an earlier login. */
  resumeToken?: string;
  /** The conversation; without one, the one called `default`. */
  conversationId?: ConversationId;
  /** The newest entry that the caller has. */
  afterSeq?: Seq;
  /** The epoch of that entry. */
  epoch?: Epoch;
  /** At most this many of the newest entries are replayed; without it, all. */
  limit?: number;
}

/** `loginError`: a login was refused. Whether agent or password was wrong is not said. */
export interface LoginError {
  /** The agent that was asked for, where it could be read. */
  agentId?: AgentId;
  /** `INVALID_CREDENTIALS`, or why it could not be tried. */
  code: ErrorCode;
  /** `Invalid credentials` */
  message: string;
  /** When trying again makes sense, in milliseconds. */
  retryAfterMs?: number;
}

/** `loginSuccess`: before the replay that follows a login. */
export interface LoginSuccess {
  /** `Welcome, <name>!` */
  message: string;
  /** The agent. */
  agentId: AgentId;
  /** Its name. */
  agentName: string;
  /** The log that is replayed. */
  conversationId: ConversationId;
  /** The life that the log is in. */
  epoch: Epoch;
  /** Its newest entry. An event with a smaller or equal `seq` is history, a greater one news. */
  headSeq: Seq;
}

/** `logoutSuccess` */
export interface LogoutSuccess {
  /** The agent. */
  agentId: AgentId;
}

/** Chosen by the sender of a message, so that sending it again changes nothing. */
export type MessageId = string;

/** Second argument of every command that a controller passes on: for whom. */
export interface Origin {
  /** The viewer. */
  viewerId?: ViewerId;
  /** The viewer's connection to the controller. */
  connectionId?: ConnectionId;
  /** The user's name. */
  user?: string;
  /** The agent that `forward` named, for a payload that names none. */
  agentId?: AgentId;
}

/** A stream of a program. */
export type OutputStream =
  /** Standard output. */
  | "stdout"
  /** Standard error. */
  | "stderr";

/** `remoteDisconnected`, `remoteReconnected`: the selected manager went away or is back. */
export interface Remote {
  /** The client concerned. */
  clientId: ClientId;
}

/** `remoteReconnectError`: the attempt failed. */
export interface RemoteReconnectError {
  /** The client concerned. */
  clientId: ClientId;
  /** Why, for people. */
  error: string;
}

/** `remoteReconnecting`: the controller is about to try again. */
export interface RemoteReconnecting {
  /** The client concerned. */
  clientId: ClientId;
  /** 1 for the first attempt after the connection was lost. */
  attempt: number;
  /** Time until the attempt, in milliseconds. */
  delayMs: number;
}

/** Acknowledgement of `cancelRun`. The run's terminal `runEvent` follows. */
export interface RunCancelled {
  /** What the run was doing. */
  kind: CancelKind;
}

/** `runEvent`: a run changed its state. Exactly one event of a run has a terminal state. */
export interface RunEvent {
  /** The agent whose log it is in. */
  agentId: AgentId;
  /** The log that it is in. */
  conversationId: ConversationId;
  /** Its position there. */
  seq: Seq;
  /** The run that it belongs to; absent for what an agent says unasked. */
  runId?: RunId;
  /** When it was appended. */
  timestamp: Timestamp;
  /** The state that the run is in now. */
  state: RunState;
  /** With `queued`: how many runs are before it, 1 for the next one. */
  position?: number;
  /** Why it ended, with `cancelled` and `failed`. */
  reason?: RunReason;
  /** More about a failure, for people. */
  error?: string;
  /** Time from `started` to the end, in milliseconds. */
  durationMs?: number;
}

/** One turn of an agent. */
export type RunId = string;

/** Why a run ended otherwise than well. */
export type RunReason =
  /** Somebody cancelled it. */
  | "user"
  /** It took longer than a run may. */
  | "timeout"
  /** The server was stopping. */
  | "server_stopping"
  /** The server was restarted while the run was open. */
  | "server_restart"
  /** The agent's program ended in the middle of the turn. */
  | "agent_exited"
  /** The agent's program could not be started. */
  | "agent_unavailable"
  /** The agent was stopped or removed. */
  | "agent_stopped"
  /** It cannot be known whether the agent got the message; it is not sent again. */
  | "indeterminate"
  /** What the agent said could not be stored. */
  | "store_unavailable";

/** State of a run. */
export type RunState =
  /** Waits for the run before it. */
  | "queued"
  /** The agent has it. */
  | "started"
  /** Ended well. Terminal. */
  | "done"
  /** Ended because somebody said so. Terminal. */
  | "cancelled"
  /** Ended badly. Terminal. */
  | "failed";

/** Position of an entry in its conversation's log: 1, 2, 3 … without holes. 0 stands before the first. */
export type Seq = number;

/** `setClient`: select the manager that `forward` goes to. */
export interface SetClient {
  /** A registered client. */
  clientId: ClientId;
}

/** RFC 3339, UTC, with milliseconds; the same live and replayed. */
export type Timestamp = string;

/** Whoever follows conversations over one or more connections; stable. */
export type ViewerId = string;

/** An error on the wire: `{code, message, details?, retryAfterMs?, event?}`. */
export interface WireError {
  /** Stable, for programs. */
  code: ErrorCode;
  /** English, for people. */
  message: string;
  /** More about it, for programs; its shape depends on `code`. */
  details?: unknown;
  /** When trying again makes sense, in milliseconds. */
  retryAfterMs?: number;
  /** The command that it answers, where there is no acknowledgement. */
  event?: string;
}

/** The acknowledgement of every command. */
export type Ack<T> = { success: true; data: T } | { success: false; error: WireError };

/** Events of namespace `/clients`. */
export interface ClientsServerToClientEvents {
  /** The first event of every connection. */
  connected: (payload: Connected) => void;
  /** A client was selected. */
  clientSet: (payload: ClientSet) => void;
  /** An event of the selected manager. */
  forwardedEvent: (payload: ForwardedEvent) => void;
  /** A command without acknowledgement was refused. */
  error: (payload: WireError) => void;
  /** The connection to the selected manager was lost. */
  remoteDisconnected: (payload: Remote) => void;
  /** The controller is about to try again. */
  remoteReconnecting: (payload: RemoteReconnecting) => void;
  /** The selected manager is back. */
  remoteReconnected: (payload: Remote) => void;
  /** An attempt to reconnect failed. */
  remoteReconnectError: (payload: RemoteReconnectError) => void;
}

/** Commands of namespace `/clients`, with the data of a success. */
export interface ClientsCommandMap {
  /** Select the manager that `forward` goes to. */
  setClient: { payload: SetClient; data: ClientSet };
  /** Send a command to the selected manager. */
  forward: { payload: Forward; data: ForwardAnswer };
}

/** The same as functions, for `Socket`. */
export type ClientsClientToServerEvents = {
  [E in keyof ClientsCommandMap]: (
    payload: ClientsCommandMap[E]["payload"],
    ack: (answer: Ack<ClientsCommandMap[E]["data"]>) => void,
  ) => void;
};

/** Events of namespace `/agents`. */
export interface AgentsServerToClientEvents {
  /** Logged in; the replay follows. */
  loginSuccess: (payload: LoginSuccess) => void;
  /** A login was refused. */
  loginError: (payload: LoginError) => void;
  /** The agent is no longer followed. */
  logoutSuccess: (payload: LogoutSuccess) => void;
  /** What a person or the agent said. */
  chatMessage: (payload: ChatMessage) => void;
  /** A run changed its state. */
  runEvent: (payload: RunEvent) => void;
  /** Something that happened within a turn. */
  chatEvent: (payload: ChatEvent | LiveEvent) => void;
  /** The replay is over, what follows is live. */
  historyEnd: (payload: HistoryEnd) => void;
  /** A command without acknowledgement was refused. */
  error: (payload: WireError) => void;
}

/** Commands of namespace `/agents`, with the data of a success. */
export interface AgentsCommandMap {
  /** Log in to an agent and follow a conversation of it. */
  login: { payload: Login; data: LoggedIn };
  /** Stop following an agent. */
  logout: { payload: ForAgent; data: LogoutSuccess };
  /** Say something to an agent. */
  chat: { payload: Chat; data: ChatAccepted };
  /** End a run that waits or runs. */
  cancelRun: { payload: CancelRun; data: RunCancelled };
  /** Read a page of a conversation. */
  getHistory: { payload: GetHistory; data: History };
  /** List the manager's agents. */
  listAgents: { payload: ListAgents; data: Agents };
  /** Add an agent. */
  createAgent: { payload: CreateAgent; data: AgentCreated };
  /** Remove an agent with its conversations. */
  deleteAgent: { payload: ForAgent; data: Done };
  /** Let a stopped agent take messages again. */
  startAgent: { payload: ForAgent; data: Done };
  /** End an agent's runs and take no more. */
  stopAgent: { payload: ForAgent; data: Done };
  /** End an agent's runs and its program, and start anew. */
  restartAgent: { payload: ForAgent; data: Done };
}

/** The same as functions, for `Socket`. */
export type AgentsClientToServerEvents = {
  [E in keyof AgentsCommandMap]: (
    payload: AgentsCommandMap[E]["payload"],
    ack: (answer: Ack<AgentsCommandMap[E]["data"]>) => void,
  ) => void;
};

/** Commands inside `forward`, with the data of a success. */
export interface ForwardCommandMap {
  /** Log in to an agent and follow a conversation of it. */
  login: { payload: ForwardLogin; data: LoginSuccess };
  /** Stop following an agent. */
  logout: { payload: ForAgent; data: LogoutSuccess };
  /** Say something to an agent. */
  chat: { payload: Chat; data: ChatAccepted };
  /** End a run that waits or runs. */
  cancelRun: { payload: CancelRun; data: RunCancelled };
  /** Read a page of a conversation. */
  getHistory: { payload: GetHistory; data: History };
  /** List the manager's agents. */
  listAgents: { payload: ListAgents; data: Agents };
}
