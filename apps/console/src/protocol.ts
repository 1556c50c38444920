// Written by `make contract` from libs/protocol. Do not edit.

/** What somebody may do. Each may what the one before may. */
export type AccessRole =
  /** Look: follow conversations, read history and files, watch terminals. */
  | "readOnly"
  /** Talk to agents, answer them, and use their terminals and files. */
  | "user"
  /** Everything: clients, agents, access tokens, the audit log, stopping the server. */
  | "admin";

/** The states of a run that `runActivity` tells. */
export type ActivityState =
  /** The agent waits for the answer to an interaction. */
  | "blocked"
  /** What it asked was answered, or is not asked any more. */
  | "resumed"
  /** Ended well. */
  | "done"
  /** Ended badly. */
  | "failed"
  /** Ended because somebody said so. */
  | "cancelled";

/** What an agent can do, beyond answering. */
export type AgentAbility =
  /** Its answer is seen while it is being given. */
  | "stream"
  /** It says which tools it uses. */
  | "tools"
  /** It asks before it does something. */
  | "approvals"
  /** It can be told to end a turn; one that cannot gets a signal. */
  | "cancel"
  /** It takes up its own session after a restart. */
  | "resume"
  /** It says what a turn cost. */
  | "usage";

/** What happened to an agent. */
export type AgentAction =
  /** Nothing: it is there, for who has just subscribed. */
  | "current"
  /** It was made. */
  | "created"
  /** Its state is another. */
  | "changed"
  /** It is gone with its conversations. */
  | "deleted";

/** `agentChanged`: another agent answers in this conversation from now on. */
export interface AgentChanged {
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
  /** The agent that answers now. */
  activeAgentId: AgentId;
  /** Its name. */
  agentName: string;
  /** The agent that answered before. */
  previousAgentId: AgentId;
  /** Why, as the agent said. */
  reason?: string;
}

/** Acknowledgement of `checkAgent`: whether the agent can be used, and what it can do. */
export interface AgentCheck {
  /** The agent. */
  agentId: AgentId;
  /** Its codec. */
  codec: string;
  /** Its program's name; none for what is built in. */
  program?: string;
  /** The first line of what the program prints for `--version`. */
  version?: string;
  /** Why it cannot be used, for people; absent if it can. */
  problem?: string;
  /** How long it took to find out, in milliseconds: about as long as the program takes to start. */
  durationMs: number;
  /** What it can do. */
  can: Array<AgentAbility>;
}

/** Acknowledgement of `createAgent`. */
export interface AgentCreated {
  /** The new agent. */
  agentId: AgentId;
  /** Its password, 192 random bits. The manager keeps only a hash of it. */
  password: string;
}

/** `agentEvent`: something of the agent's own, which means nothing to longshore. */
export interface AgentEvent {
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
  /** `[A-Za-z0-9_:-]{1,128}`, and none of longshore's own event names. */
  topic: string;
  /** What the agent says about it. */
  payload: unknown;
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
  /**
   * Runs that it may have at once in sessions of their own, 1 to 64: those of `startRun`, ephemeral chats and
   * helper runs.
   */
  parallel?: number;
  /** Names of commands of its own that it is given when a client sends them, besides those of longshore. */
  commands?: Array<string>;
  /** What is looked for in messages, in this order. */
  filters?: Array<Filter>;
  /** How long its conversations keep entries; for ever without. */
  retention?: Retention;
  /**
   * Who decides when the agent asks for permission. It asks where its program does so in messages: codecs `acp`,
   * `claude` and `codex`.
   */
  approvals?: Approvals;
  /** In a turn, after how many seconds without a sign of life people are told so; 0 for never. */
  silenceSecs?: number;
}

/** What an agent is doing. */
export type AgentState =
  /** Takes no messages until it is started. */
  | "stopped"
  /** Waits for a message. */
  | "idle"
  /** At least one run is open. */
  | "running"
  /** At least one run waits for the answer to an interaction. */
  | "blocked";

/** An agent as an overview shows it. */
export interface AgentSummary {
  /** The agent. */
  agentId: AgentId;
  /** Its name. */
  name: string;
  /** The type of its codec, such as `echo`, `lines` or `acp`; `unknown` where an older manager does not say. */
  codec: string;
  /** The name of its program, without its directory and arguments. Absent where it is built in, or its image says. */
  program?: string;
  /** What it is doing. */
  state: AgentState;
}

/** `agentUpdate`: an agent as it is now. At most every 100 ms for each agent; the newest replaces all before. */
export interface AgentUpdate {
  /** The agent. */
  agentId: AgentId;
  /** Its name. */
  name: string;
  /** The type of its codec, such as `echo`, `lines` or `acp`; `unknown` where an older manager does not say. */
  codec: string;
  /** The name of its program, without its directory and arguments. Absent where it is built in, or its image says. */
  program?: string;
  /** What it is doing. */
  state: AgentState;
  /** What happened to it. */
  action: AgentAction;
  /** When this was told. */
  timestamp: Timestamp;
}

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

/** What an agent is allowed without asking people. */
export type ApprovalPolicy =
  /** Nothing that it asks for. */
  | "ask"
  /** What only reads, as far as the agent says what it does. */
  | "allowRead"
  /** Everything. */
  | "allowAll";

/** Who decides when an agent asks for permission. */
export interface Approvals {
  /** What is allowed without asking. */
  policy?: ApprovalPolicy;
  /** How many seconds people have to answer, 1 to 86,400; then it counts as a no. */
  timeoutSecs?: number;
}

/** A connection that is present in a conversation. */
export interface Attendee {
  /** The connection to the controller. */
  connectionId: ConnectionId;
  /** Whose it is. */
  viewerId?: ViewerId;
  /** That viewer's user name. */
  user?: string;
  /** What kind of client it is. */
  clientType?: string;
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

/** `changeEnvironment`: from a controller only, for its REST interface. */
export interface ChangeEnvironment {
  /** The agent. */
  agentId: AgentId;
  /** Values by name. A name has 1 to 128 bytes without `=`, a value 64 KiB at most, and neither a NUL. */
  set?: Record<string, string>;
  /** Names of variables that are to be there no more. */
  remove?: Array<string>;
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
  /** End the run that the agent has, and be the next. */
  interrupt?: boolean;
  /** Store nothing: the run is one of its own, beside the conversation, and its events go to the sender alone. */
  ephemeral?: boolean;
  /** With `single` no pieces of the answer are sent, only the whole. */
  responseMode?: ResponseMode;
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

/** `chatEnhanceResult` */
export interface ChatEnhanceResult {
  /** The agent. */
  agentId: AgentId;
  /** As it came. */
  correlationId: CorrelationId;
  /** The run. */
  runId: RunId;
  /** The connection that it is for; absent for one that is connected to the manager itself. */
  connectionId?: ConnectionId;
  /** When. */
  timestamp: Timestamp;
  /** Whether it worked. */
  success: boolean;
  /** Why not. */
  error?: HelperError;
  /** The better wording, with `success`. */
  enhancedText?: string;
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
  /** The agent uses a tool. */
  | {
    kind: "toolCall";
    payload: {
      /** Of this call. */
      id: string;
      /** The tool. */
      name: string;
      /** For people. */
      title?: string;
      /** What the tool is given. */
      input?: unknown;
    };
  }
  /** What a tool gave back. */
  | {
    kind: "toolResult";
    payload: {
      /** Of the call. */
      id: string;
      /** Whether it failed. */
      isError?: boolean;
      /** What it gave back. */
      output?: unknown;
    };
  }
  /** What the agent thinks, where it says so. */
  | {
    kind: "thinking";
    payload: {
      /** The thought. */
      text: string;
    };
  }
  /** What the agent is going to do; replaces the plan before. */
  | {
    kind: "plan";
    payload: {
      /** The steps, in order. */
      steps: Array<PlanStep>;
    };
  }
  /** A question that the agent does not wait for; one that it waits for is an `interactionRequest`. */
  | {
    kind: "question";
    payload: {
      /** The question. */
      message: string;
    };
  }
  /** What the turn has cost so far. */
  | {
    kind: "usage";
    payload: Usage;
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

/** Acknowledgement of `clearHistory`. */
export interface Cleared {
  /** The new life of the log. */
  epoch: Epoch;
  /** Its newest entry: what is open has been carried over. */
  headSeq: Seq;
}

/** What happened to a client. */
export type ClientAction =
  /** Nothing: it is there, for who has just subscribed or reads slowly. */
  | "current"
  /** It was registered. */
  | "created"
  /** The controller is connected to its manager, and knows its agents. */
  | "connected"
  /** The connection to its manager was lost. */
  | "disconnected"
  /** The controller is going to try again. */
  | "retrying"
  /** It has another name or place. */
  | "changed"
  /** It is registered no more. */
  | "deleted";

/** The handshake's `auth` object. */
export interface ClientAuth {
  /** An access token, `ls_…`. The header `Authorization: Bearer …` does as well. */
  token?: string;
  /** The viewer's own stable id, so that a reconnect is the same viewer. */
  clientKey?: string;
}

/** `clientEvent`: an event of namespace `/agents` about what an agent of a client is doing, payload untouched. */
export type ClientEvent =
  /** A conversation was made, changed or removed */
  | {
    event: "conversationUpdate";
    payload: ConversationUpdate;
    clientId: ClientId;
  }
  /** What an agent is doing */
  | {
    event: "agentUpdate";
    payload: AgentUpdate;
    clientId: ClientId;
  }
  /** What is going on in a conversation */
  | {
    event: "conversationActivity";
    payload: ConversationActivity;
    clientId: ClientId;
  }
  /** A run has ended or needs an answer */
  | {
    event: "runActivity";
    payload: RunActivity;
    clientId: ClientId;
  };

/** A registered manager, as a user sees it (a workspace). */
export type ClientId = string;

/** `clientSet`: the answer to `setClient`. */
export interface ClientSet {
  /** The selected client. */
  clientId: ClientId;
  /** `Client context set`. */
  message: string;
}

/**
 * `clientUpdate`: the whole truth about one client. What was known of its agents before is replaced by it; with actions
 * `current`, `connected` and `deleted`, what was known of its open conversations is so, too, by those that are told behind it.
 */
export interface ClientUpdate {
  /** The client. */
  clientId: ClientId;
  /** Its name. */
  name: string;
  /** What happened to it. */
  action: ClientAction;
  /** Whether its manager can be talked to now. */
  connected: boolean;
  /** Its agents; those known last, while it is not connected. */
  agents: Array<AgentSummary>;
  /** While the controller tries again: which attempt, 1 for the first after the connection was lost. */
  attempt?: number;
  /** When that attempt is. */
  retryAt?: Timestamp;
  /** Why it is not connected, for people, where that is known. */
  error?: string;
  /** When this was told. */
  timestamp: Timestamp;
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
    /**
     * With a sentinel: how long the program may take from its start to its first prompt, in milliseconds. One that
     * does not prompt before it is told something gets its first message late by this much.
     */
    greetingMs?: number;
    /** Whether a line that is a control message, such as a question, is one. Without, every line is text. */
    control?: boolean;
  }
  /** A program that speaks the Agent Client Protocol, version 1, such as `gemini --acp` or `opencode acp`. */
  | {
    type: "acp";
  }
  /** Claude Code, which is given the arguments for stream-json both ways. */
  | {
    type: "claude";
  }
  /** Codex, which is started as `codex app-server`. */
  | {
    type: "codex";
    /** What its commands may do without asking. */
    sandbox?: CodexSandbox;
  }
  /** A program that is started for each turn, reads the message from its stdin and prints JSON lines. */
  | {
    type: "oneshot";
    /**
     * What its lines mean: `codex` for `codex exec --json`, `gemini` and `claude` for `--output-format stream-json`,
     * `opencode` for `opencode run --format json`.
     */
    format?: OneshotFormat;
    /** What its lines mean, for any other program. A line that no rule fits is kept as it is. */
    rules?: Array<OneshotRule>;
    /**
     * The arguments that continue a session, each `{session}` replaced by its id. They stand where the
     * program's arguments have `{resume}`, or at the end.
     */
    resume?: Array<string>;
  };

/** What Codex lets its commands do without asking. */
export type CodexSandbox =
  /** Read. */
  | "readOnly"
  /** Write below the working directory. */
  | "workspaceWrite"
  /** Everything: for containers, which are a sandbox themselves. */
  | "dangerFullAccess";

/** `connected`: the first event of every connection. */
export interface Connected {
  /** This socket; new each time. */
  connectionId: ConnectionId;
  /** This viewer; the same after a reconnect with the same `clientKey`. */
  viewerId: ViewerId;
  /** The name of whoever connected. */
  user: string;
  /** What they may do. */
  role: AccessRole;
  /** Version of the server. */
  serverVersion: string;
  /** The server's clock. */
  serverTime: Timestamp;
}

/** One socket; new each time. */
export type ConnectionId = string;

/** `containerStats`: what the agent's programs use, those in its terminals included. */
export interface ContainerStats {
  /** The agent. */
  agentId: AgentId;
  /** Whether there is anything to measure. */
  status: ContainerStatus;
  /** What it uses; absent when nothing runs. */
  stats?: Stats;
  /** When it was measured. */
  timestamp: Timestamp;
}

/** Whether an agent has programs that run. */
export interface ContainerStatus {
  /** At least one does. */
  running: boolean;
}

/** What happened to a conversation. */
export type ConversationAction =
  /** It was made. */
  | "created"
  /** It has another name. */
  | "renamed"
  /** It is gone with all that was in it. */
  | "deleted"
  /** Its log begins anew; the entries of the new life follow by themselves. */
  | "cleared"
  /** Somebody came. */
  | "joined"
  /** Somebody went. */
  | "left";

/**
 * `conversationActivity`: a conversation as it is now. Sent when a message was appended, or a run began, waits or ended; at
 * most every 250 ms for each conversation; the newest replaces all before.
 */
export interface ConversationActivity {
  /** The agent. */
  agentId: AgentId;
  /** The conversation. */
  conversationId: ConversationId;
  /** As lists show it. */
  conversation: ConversationInfo;
  /** The life that its log is in. */
  epoch: Epoch;
  /** Its newest entry. */
  headSeq: Seq;
  /** Whether a run waits for the answer to an interaction. */
  blocked: boolean;
  /** When this was told. */
  timestamp: Timestamp;
}

/** One log within an agent. */
export type ConversationId = string;

/** A conversation as a list shows it; acknowledgement of `createConversation` and `renameConversation`. */
export interface ConversationInfo {
  /** The conversation. */
  conversationId: ConversationId;
  /** The agent whose it is. */
  agentId: AgentId;
  /** Its name. */
  name: string;
  /** When it was made. */
  createdAt: Timestamp;
  /** When its newest entry was appended. */
  lastActivityAt: Timestamp;
  /** Connections that are present. */
  clientCount: number;
  /** Messages in it, of either side. */
  messageCount: number;
  /** Whether a run is open. */
  running: boolean;
  /** Whether it ends with who made it. */
  ephemeral: boolean;
  /** Whether it takes no messages. */
  readOnly?: boolean;
}

/**
 * `conversationUpdate`: a conversation was made, changed or removed, or somebody came or went.
 *
 * Who is present is told to those who are, and only while fewer than 64 are; the rest to all who are logged in to the
 * agent.
 */
export interface ConversationUpdate {
  /** The agent. */
  agentId: AgentId;
  /** The conversation. */
  conversationId: ConversationId;
  /** What happened. */
  action: ConversationAction;
  /** When. */
  timestamp: Timestamp;
  /** The conversation as it is now; absent when it was deleted, or cleared while its manager was away. */
  conversation?: ConversationInfo;
  /** With `cleared`: the new life of the log. */
  epoch?: Epoch;
  /** Who did it, or came, or went. */
  viewerId?: ViewerId;
  /** That viewer's user name. */
  user?: string;
  /** With `joined` and `left`: what kind of client it is. */
  clientType?: string;
}

/** Acknowledgement of `listConversations`. */
export interface Conversations {
  /** The conversations, newest activity first. */
  conversations: Array<ConversationInfo>;
  /** Where to go on, if there are more. */
  next?: string;
}

/** Chosen by who asks, or made for them: comes back with the answer, and is in every line of the logs about it. */
export type CorrelationId = string;

/** `createAgent`: from a controller only, for its REST interface. */
export interface CreateAgent {
  /** What the agent is. */
  spec: AgentSpec;
}

/** `createConversation` */
export interface CreateConversation {
  /** The agent; may be left to `forward`. */
  agentId?: AgentId;
  /**
   * 1 to 256 characters, none of them a control character; unique within the agent whatever the case. Without one it is
   * called `Conversation YYYY-MM-DD HH:MM`, in UTC.
   */
  name?: string;
  /** What to do when the name is taken. */
  onNameCollision?: NameCollision;
  /** Delete it 30 s after who made it has left, and when the manager starts. */
  ephemeral?: boolean;
  /** Take no messages for the agent: for what was imported. */
  readOnly?: boolean;
}

/** `createDirectory` */
export interface CreateDirectory {
  /** The agent; may be left to `forward`. */
  agentId?: AgentId;
  /** The directory. The one that it is in must be there. */
  path: string;
}

/** `createFile`: make a file where there is none. */
export interface CreateFile {
  /** The agent; may be left to `forward`. */
  agentId?: AgentId;
  /** The file. */
  path: string;
  /** What it has; nothing without. */
  content?: string;
  /** How that stands for bytes; text without. */
  encoding?: Encoding;
}

/** `createTerminal`: start a shell in the agent's environment, and watch it. */
export interface CreateTerminal {
  /** The agent; may be left to `forward`. */
  agentId?: AgentId;
  /** The terminal's id, which no terminal has had before; without one, the server makes one. */
  sessionId?: SessionId;
  /** For an agent that has a container for each conversation: in which. Without it, in that of the conversation `default`. */
  conversationId?: ConversationId;
  /** The program: a path, or a name looked up on the PATH. Without one, the agent's `SHELL`, else `/bin/sh`. */
  shell?: string;
  /** Columns, 1 to 1,000; 80 without. */
  cols?: number;
  /** Rows, 1 to 1,000; 24 without. */
  rows?: number;
}

/** `deleteFile`: remove a file, a link or a directory. */
export interface DeleteFile {
  /** The agent; may be left to `forward`. */
  agentId?: AgentId;
  /** What is removed. */
  path: string;
  /** A directory with all that is in it. */
  recursive?: boolean;
}

/** Answer of a command that has nothing to say: `{}`. */
export type Done = Record<string, never>;

/** How `content` stands for bytes. */
export type Encoding =
  /** As UTF-8. */
  | "text"
  /** As base64 with padding. */
  | "base64";

/** `enhanceChat`: have the agent word a message better. Nothing is stored; the answer is a `chatEnhanceResult`. */
export interface EnhanceChat {
  /** The agent; may be left to `forward`. */
  agentId?: AgentId;
  /** The message: 1 byte to 1 MiB of text, not only white space. */
  message: string;
  /** Comes back with the result. */
  correlationId: CorrelationId;
}

/** One stored message. */
export type EntryId = string;

/** Acknowledgement of `changeEnvironment`, given when it is on disk. Programs that run keep the environment that they have. */
export interface Environment {
  /** The agent. */
  agentId: AgentId;
  /** The names of all its variables. */
  names: Array<string>;
}

/** `chatEvent` of an ephemeral run. */
export type EphemeralChatEvent = {
  /** The agent. */
  agentId: AgentId;
  /** The conversation that it was asked in. */
  conversationId: ConversationId;
  /** The run. */
  runId: RunId;
  /** The connection that it is for; absent for one that is connected to the manager itself. */
  connectionId?: ConnectionId;
  /** When. */
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
  /** The agent uses a tool. */
  | {
    kind: "toolCall";
    payload: {
      /** Of this call. */
      id: string;
      /** The tool. */
      name: string;
      /** For people. */
      title?: string;
      /** What the tool is given. */
      input?: unknown;
    };
  }
  /** What a tool gave back. */
  | {
    kind: "toolResult";
    payload: {
      /** Of the call. */
      id: string;
      /** Whether it failed. */
      isError?: boolean;
      /** What it gave back. */
      output?: unknown;
    };
  }
  /** What the agent thinks, where it says so. */
  | {
    kind: "thinking";
    payload: {
      /** The thought. */
      text: string;
    };
  }
  /** What the agent is going to do; replaces the plan before. */
  | {
    kind: "plan";
    payload: {
      /** The steps, in order. */
      steps: Array<PlanStep>;
    };
  }
  /** A question that the agent does not wait for; one that it waits for is an `interactionRequest`. */
  | {
    kind: "question";
    payload: {
      /** The question. */
      message: string;
    };
  }
  /** What the turn has cost so far. */
  | {
    kind: "usage";
    payload: Usage;
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

/** `chatMessage` of an ephemeral run. */
export type EphemeralMessage = {
  /** The agent. */
  agentId: AgentId;
  /** The conversation that it was asked in. */
  conversationId: ConversationId;
  /** The run. */
  runId: RunId;
  /** The connection that it is for; absent for one that is connected to the manager itself. */
  connectionId?: ConnectionId;
  /** When. */
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

/** `runEvent` of an ephemeral run. */
export interface EphemeralRunEvent {
  /** The agent. */
  agentId: AgentId;
  /** The conversation that it was asked in. */
  conversationId: ConversationId;
  /** The run. */
  runId: RunId;
  /** The connection that it is for; absent for one that is connected to the manager itself. */
  connectionId?: ConnectionId;
  /** When. */
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
  /** What it cost, with a terminal state, where the agent said so. */
  usage?: Usage;
  /** Whose run it is. */
  viewerId?: ViewerId;
}

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
  /** No terminal of that id is open. */
  | "TERMINAL_NOT_FOUND"
  /** A terminal has or had this id. */
  | "TERMINAL_EXISTS"
  /** No subscription of that id is yours. */
  | "SUBSCRIPTION_NOT_FOUND"
  /** There is no such file or directory. */
  | "FILE_NOT_FOUND"
  /** There is a file or directory of that name already. */
  | "FILE_EXISTS"
  /** The file is not what it was expected to be: somebody else has written it. */
  | "FILE_CHANGED"
  /** The agent's host does not have this. */
  | "UNSUPPORTED"
  /** As many exist as may. */
  | "LIMIT_REACHED"
  /** Without this access token, no admin could come in any more. */
  | "LAST_ADMIN"
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

/** Acknowledgement of `readFile`. */
export interface FileContent {
  /** The part. */
  content: string;
  /** How it stands for bytes. */
  encoding: Encoding;
  /** The part's first byte. */
  offset: number;
  /** How many bytes the part has. A part of a text ends before a character that it would cut. */
  bytes: number;
  /** How many bytes the file has. */
  size: number;
  /** Names what the file is now, for `expectedVersion`. */
  version: string;
  /** Whether there is more behind the part. */
  hasMore: boolean;
}

/** Something in a directory. */
export interface FileInfo {
  /** Its name. Bytes that are no UTF-8 are U+FFFD; such a file cannot be addressed. */
  name: string;
  /** What it is. */
  kind: FileKind;
  /** Bytes. */
  size: number;
  /** When it was written last, where that is known. */
  modifiedAt?: Timestamp;
}

/** What something in a directory is. */
export type FileKind =
  /** It has content. */
  | "file"
  /** It has files. */
  | "directory"
  /** It leads elsewhere; it is followed as long as that is in the workspace. */
  | "link"
  /** A device, a pipe or a socket. Neither read nor written. */
  | "other";

/** `fileUpdate`: say that a file has changed, so that others look at it again. */
export interface FileUpdate {
  /** The agent; may be left to `forward`. */
  agentId?: AgentId;
  /** The file. It need not be there any more. */
  filePath: string;
}

/** `fileUpdateNotification`: somebody else has changed a file, or says that it has changed. */
export interface FileUpdateNotification {
  /** The agent. */
  agentId: AgentId;
  /** The file, as whoever changed it called it. */
  filePath: string;
  /** Whoever did it. */
  viewerId?: ViewerId;
  /** Whoever did it by name. */
  user?: string;
  /** The connection that did it, which is not told. */
  sender?: ConnectionId;
  /** When. */
  timestamp: Timestamp;
}

/** Acknowledgement of `writeFile` and `createFile`, given when the file is on disk. */
export interface FileWritten {
  /** How many bytes the file has. */
  size: number;
  /** Names what the file is now, for `expectedVersion`. */
  version: string;
}

/** Acknowledgement of `listFiles`. */
export interface Files {
  /** What is there, by name. */
  files: Array<FileInfo>;
  /** With more: what the next page begins behind. */
  next?: string;
}

/** A rule for messages, checked on each line of text by itself. */
export interface Filter {
  /** Shown instead of what was found. */
  name: string;
  /** A regular expression without look-around and back-references, so that it takes linear time. */
  pattern: string;
  /** Which way; without it, both. */
  direction?: FilterDirection;
  /** What is done with a message in which it is found. */
  action?: FilterAction;
  /** With `replace`: what stands in its place; `$1` is the first group. */
  replacement?: string;
}

/** What is done with a message in which a filter finds something. */
export type FilterAction =
  /** It is only reported. */
  | "flag"
  /** What was found is replaced. */
  | "replace"
  /** A person's message is refused; of an agent's answer that line and all after it are left out. */
  | "drop";

/** Which way a message goes. */
export type FilterDirection =
  /** To the agent. */
  | "incoming"
  /** From the agent. */
  | "outgoing";

/** What filters did to a message, from weak to strong. */
export type FilterStatus =
  /** It is as it was. */
  | "flagged"
  /** A part of it was replaced. */
  | "filtered"
  /** It was not passed on. */
  | "dropped";

/** `logout`, `deleteAgent`, `startAgent`, `stopAgent`, `restartAgent`: a command about one agent. */
export interface ForAgent {
  /** The agent. */
  agentId: AgentId;
}

/** `leaveConversation`, `deleteConversation`, `clearHistory`: a command about one conversation. */
export interface ForConversation {
  /** The agent; not needed. */
  agentId?: AgentId;
  /** The conversation. */
  conversationId: ConversationId;
}

/** `leaveTerminal`, `closeTerminal`: a command about one terminal. */
export interface ForTerminal {
  /** The agent; not needed. */
  agentId?: AgentId;
  /** The terminal. */
  sessionId: SessionId;
}

/**
 * `forward`: a command of namespace `/agents` for the selected manager.
 *
 * `agentId` names the agent that it is for, which the payload then need not.
 * It is logged in to first where needed. `correlationId` is what the lines about this command have in the logs.
 */
export type Forward =
  /** Log in to an agent and follow a conversation of it */
  | {
    event: "login";
    payload?: ForwardLogin;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Stop following an agent */
  | {
    event: "logout";
    payload?: ForAgent;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Say something to an agent */
  | {
    event: "chat";
    payload: Chat;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Start a run in parallel to others */
  | {
    event: "startRun";
    payload: StartRun;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** End a run that waits or runs */
  | {
    event: "cancelRun";
    payload: CancelRun;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Let a run that waits be the next */
  | {
    event: "promoteRun";
    payload: PromoteRun;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Answer a question of an agent */
  | {
    event: "respondInteraction";
    payload: RespondInteraction;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Be present in a conversation and follow it */
  | {
    event: "joinConversation";
    payload?: JoinConversation;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Be no longer present in a conversation */
  | {
    event: "leaveConversation";
    payload: ForConversation;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Make a conversation */
  | {
    event: "createConversation";
    payload?: CreateConversation;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** List conversations */
  | {
    event: "listConversations";
    payload?: ListConversations;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Give a conversation another name */
  | {
    event: "renameConversation";
    payload: RenameConversation;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Remove a conversation with all that is in it */
  | {
    event: "deleteConversation";
    payload: ForConversation;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Search names and what was said */
  | {
    event: "searchConversations";
    payload: SearchConversations;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Read a page of a conversation */
  | {
    event: "getHistory";
    payload?: GetHistory;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Begin a conversation's log anew */
  | {
    event: "clearHistory";
    payload: ForConversation;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Append messages that were said elsewhere */
  | {
    event: "insertHistory";
    payload: InsertHistory;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Have the agent word a message better */
  | {
    event: "enhanceChat";
    payload: EnhanceChat;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Have the agent write the text of a ticket */
  | {
    event: "generateTicketBody";
    payload: GenerateTicketBody;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Start a shell in the agent's environment */
  | {
    event: "createTerminal";
    payload?: CreateTerminal;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Watch a terminal */
  | {
    event: "joinTerminal";
    payload: JoinTerminal;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Watch a terminal no more */
  | {
    event: "leaveTerminal";
    payload: ForTerminal;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Type into a terminal that one watches */
  | {
    event: "terminalInput";
    payload: TerminalInput;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Give a terminal that one watches another size */
  | {
    event: "resizeTerminal";
    payload: ResizeTerminal;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** End a terminal that one watches, with all that runs in it */
  | {
    event: "closeTerminal";
    payload: ForTerminal;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** List an agent's terminals */
  | {
    event: "listTerminals";
    payload?: ListTerminals;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** List a directory of the agent's workspace */
  | {
    event: "listFiles";
    payload?: ListFiles;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Read a part of a file of the agent's workspace */
  | {
    event: "readFile";
    payload: ReadFile;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Write a file of the agent's workspace */
  | {
    event: "writeFile";
    payload: WriteFile;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Make a file in the agent's workspace */
  | {
    event: "createFile";
    payload: CreateFile;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Make a directory in the agent's workspace */
  | {
    event: "createDirectory";
    payload: CreateDirectory;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Remove a file or directory from the agent's workspace */
  | {
    event: "deleteFile";
    payload: DeleteFile;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Move a file or directory within the agent's workspace */
  | {
    event: "moveFile";
    payload: MoveFile;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Say that a file has changed */
  | {
    event: "fileUpdate";
    payload: FileUpdate;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Choose what to be told about an agent, or about all */
  | {
    event: "subscribe";
    payload: Subscribe;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** List the manager's agents */
  | {
    event: "listAgents";
    payload?: ListAgents;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  }
  /** Stop the manager, and start it again if asked to */
  | {
    event: "shutdown";
    payload?: Shutdown;
    agentId?: AgentId;
    correlationId?: CorrelationId;
    traceparent?: string;
  };

/** What the forwarded command answers. */
export type ForwardAnswer =
  | LoginSuccess
  | LogoutSuccess
  | ChatAccepted
  | ChatAccepted
  | RunCancelled
  | RunPromoted
  | InteractionEnded
  | Joined
  | Done
  | ConversationInfo
  | Conversations
  | ConversationInfo
  | Done
  | Found
  | History
  | Cleared
  | Inserted
  | HelperAccepted
  | HelperAccepted
  | TerminalInfo
  | TerminalInfo
  | Done
  | Done
  | Done
  | Done
  | Terminals
  | Files
  | FileContent
  | FileWritten
  | FileWritten
  | Done
  | Done
  | Done
  | Done
  | Subscribed
  | Agents
  | Stopping;

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
  /** The agent asks, and waits for the answer */
  | {
    event: "interactionRequest";
    payload: InteractionRequest;
  }
  /** An interaction has ended */
  | {
    event: "interactionUpdate";
    payload: InteractionUpdate;
  }
  /** Something of the agent's own */
  | {
    event: "agentEvent";
    payload: AgentEvent;
  }
  /** Another agent answers from now on */
  | {
    event: "agentChanged";
    payload: AgentChanged;
  }
  /** A filter found something */
  | {
    event: "messageFilterResult";
    payload: MessageFilterResult;
  }
  /** What was said in an ephemeral run */
  | {
    event: "chatMessage";
    payload: EphemeralMessage;
  }
  /** An ephemeral run changed its state */
  | {
    event: "runEvent";
    payload: EphemeralRunEvent;
  }
  /** Something that happened within an ephemeral run */
  | {
    event: "chatEvent";
    payload: EphemeralChatEvent;
  }
  /** A conversation was made, changed or removed */
  | {
    event: "conversationUpdate";
    payload: ConversationUpdate;
  }
  /** The open runs of a conversation */
  | {
    event: "queueUpdate";
    payload: QueueUpdate;
  }
  /** A terminal was made */
  | {
    event: "terminalCreated";
    payload: TerminalInfo;
  }
  /** Something was printed in a terminal */
  | {
    event: "terminalOutput";
    payload: TerminalOutput;
  }
  /** A terminal has ended */
  | {
    event: "terminalClosed";
    payload: TerminalClosed;
  }
  /** Somebody else has changed a file */
  | {
    event: "fileUpdateNotification";
    payload: FileUpdateNotification;
  }
  /** What an agent's programs use */
  | {
    event: "containerStats";
    payload: ContainerStats;
  }
  /** The better wording of a message */
  | {
    event: "chatEnhanceResult";
    payload: ChatEnhanceResult;
  }
  /** The text of a ticket */
  | {
    event: "ticketBodyResult";
    payload: TicketBodyResult;
  }
  /** The replay is over, what follows is live */
  | {
    event: "historyEnd";
    payload: HistoryEnd;
  }
  /** What the manager has to say to everybody */
  | {
    event: "serverNotice";
    payload: ServerNotice;
  }
  /** A command without acknowledgement was refused */
  | {
    event: "error";
    payload: WireError;
  };

/** Acknowledgement of `searchConversations`. */
export interface Found {
  /** The conversations, best first. */
  results: Array<FoundConversation>;
}

/** A conversation that has what was searched for. */
export interface FoundConversation {
  /** The conversation. */
  conversation: ConversationInfo;
  /** How well it fits; greater is better. Comparable within one answer. */
  score: number;
  /** Where it was found, best first, at most three. */
  snippets: Array<Snippet>;
}

/** `generateTicketBody`: have the agent write the text of a ticket. Nothing is stored; the answer is a `ticketBodyResult`. */
export interface GenerateTicketBody {
  /** The agent; may be left to `forward`. */
  agentId?: AgentId;
  /** The ticket's title: 1 byte to 1 MiB of text, not only white space. */
  title: string;
  /** What the ticket belongs to, for the agent to know. */
  hierarchyContext?: string;
  /** Comes back with the result. */
  correlationId: CorrelationId;
}

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
  /** Only messages of this side, and nothing else. */
  role?: Role;
}

/** `heartbeat`: the controller is there. */
export interface Heartbeat {
  /** The controller's clock. */
  time: Timestamp;
}

/** Acknowledgement of `enhanceChat` and `generateTicketBody`: the result follows as an event. */
export interface HelperAccepted {
  /** As it came. */
  correlationId: CorrelationId;
  /** The run, which `cancelRun` ends. */
  runId: RunId;
}

/** Why a helper run gave nothing. */
export interface HelperError {
  /** For programs. */
  code: ErrorCode;
  /** For people. */
  message: string;
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
  }
  /** The agent asks, and waits for the answer */
  | {
    event: "interactionRequest";
    payload: InteractionRequest;
  }
  /** An interaction has ended */
  | {
    event: "interactionUpdate";
    payload: InteractionUpdate;
  }
  /** Something of the agent's own */
  | {
    event: "agentEvent";
    payload: AgentEvent;
  }
  /** Another agent answers from now on */
  | {
    event: "agentChanged";
    payload: AgentChanged;
  }
  /** A filter found something */
  | {
    event: "messageFilterResult";
    payload: MessageFilterResult;
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
  }
  /** A container of Docker or Podman on the manager's machine. */
  | {
    type: "docker";
    /** The image that it is made from, such as `node:22`. It is pulled when the engine does not have it. */
    image?: string;
    /**
     * Instead of an image: the name of a container that exists. It is started when it does not run, never changed and
     * never removed, so nothing else may be set.
     */
    container?: string;
    /** What it runs, with arguments; without it, what the image says. */
    command?: Array<string>;
    /** Added to the image's environment. */
    env?: Record<string, string>;
    /** What it sees of the manager's machine, besides the agent's own directory at `/workspace`. */
    mounts?: Array<Mount>;
    /** `none`, `host` if the manager allows it, or a network's name; without it, the engine's default. */
    network?: string;
    /** `user` or `user:group`, by name or number; without it, what the image says. */
    user?: string;
    /** Most memory, in MiB, from 6; swap is not given. */
    memoryMib?: number;
    /** Most time of processors, in thousandths of one, from 10. */
    cpuMillis?: number;
    /** Most processes and threads, from 1. */
    pids?: number;
    /** Whether it can change nothing but what is mounted. */
    readOnly?: boolean;
    /** Directories in memory, gone when it ends. */
    tmpfs?: Array<string>;
    /** Capabilities that it keeps, such as `NET_RAW`. All others are dropped. */
    capabilities?: Array<string>;
    /** Working directory; without it, `/workspace`. */
    workdir?: string;
  };

/** `insertHistory`: append messages that were said elsewhere. */
export interface InsertHistory {
  /** The agent; not needed. */
  agentId?: AgentId;
  /** The conversation. */
  conversationId: ConversationId;
  /** 1 to 500 messages, in order. All are appended, or none. */
  messages: Array<InsertedMessage>;
}

/** Acknowledgement of `insertHistory`. */
export interface Inserted {
  /** Position of the first message. */
  fromSeq: Seq;
  /** How many were appended; 0 when they were there already. */
  count: number;
}

/** A message that was said elsewhere. */
export interface InsertedMessage {
  /** Who said it. */
  from: Role;
  /** 1 byte to 1 MiB of text. */
  text: string;
  /** When; without it, now. */
  timestamp?: Timestamp;
  /** The same again in the same conversation is not appended again, nor is anything that came with it. */
  messageId?: MessageId;
}

/** Acknowledgement of `respondInteraction`: this was the answer that counts. */
export interface InteractionEnded {
  /** How it ended. */
  state: InteractionState;
}

/** One question of an agent. */
export type InteractionId = string;

/** What kind of answer an interaction wants. */
export type InteractionKind =
  /** One of its choices. */
  | "question"
  /** An object with its fields, each a string. */
  | "form"
  /** A string. */
  | "text";

/** `interactionRequest`: the agent asks, and waits for the answer. */
export interface InteractionRequest {
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
  /** Unique within the manager. */
  interactionId: InteractionId;
  /** What kind of answer is wanted. */
  type: InteractionKind;
  /** The question. */
  message: string;
  /** With `question`: what can be chosen. An answer is one of these. */
  choices?: Array<string>;
  /** Which of the choices counts when nobody answers in time. */
  defaultIndex?: number;
  /** With `form`: the names of its fields. An answer is an object with these. */
  fields?: Array<string>;
  /** When it ends by itself. */
  expiresAt: Timestamp;
}

/** How an interaction ended. */
export type InteractionState =
  /** Somebody answered. */
  | "resolved"
  /**
   * Somebody declined to, or its run has ended. A run that ends because its manager was restarted
   * leaves its interactions open: they may still be answered.
   */
  | "cancelled"
  /** Nobody answered in time. */
  | "timedOut";

/** `interactionUpdate`: an interaction has ended. */
export interface InteractionUpdate {
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
  /** The interaction. */
  interactionId: InteractionId;
  /** How it ended. */
  state: InteractionState;
  /** The answer; with `timedOut` the default one, if there is one. */
  value?: unknown;
  /** Who answered or cancelled. */
  viewerId?: ViewerId;
  /** That viewer's user name. */
  user?: string;
}

/**
 * `joinConversation`: be present in a conversation and follow it.
 *
 * With `afterSeq` and `epoch` the replay begins after that entry; with `limit` it has at most the newest that many
 * entries.
 */
export interface JoinConversation {
  /** The agent; may be left to `forward`. */
  agentId?: AgentId;
  /** The conversation; without one, the one called `default`. */
  conversationId?: ConversationId;
  /** What kind of client it is, such as `console` or `cli`; others see it. At most 64 characters are kept. */
  clientType?: string;
  /**
   * Of messages and pieces of answers, show only those of the viewer's own runs. States, interactions and the queue
   * are shown all the same.
   */
  filter?: boolean;
  /** The newest entry that the caller has. */
  afterSeq?: Seq;
  /** The epoch of that entry. */
  epoch?: Epoch;
  /** At most this many of the newest entries are replayed; without it, all. */
  limit?: number;
}

/** `joinTerminal`: watch a terminal. What is left of its output comes first, then what is new. */
export interface JoinTerminal {
  /** The agent; may be left to `forward`. */
  agentId?: AgentId;
  /** The terminal. */
  sessionId: SessionId;
  /**
   * Begin here: one `offset` plus the bytes of its `data`, of the output that the caller has. Without it, or with one
   * that the terminal has not reached, begin with the oldest that is kept.
   */
  offset?: number;
}

/** Acknowledgement of `joinConversation`. The replay follows. */
export interface Joined {
  /** The conversation. */
  conversationId: ConversationId;
  /** The agent whose it is. */
  agentId: AgentId;
  /** The conversation's name. */
  name: string;
  /** The life that its log is in. */
  epoch: Epoch;
  /** Its newest entry. An event with a smaller or equal `seq` is history, a greater one news. */
  headSeq: Seq;
  /** Whether it takes no messages. */
  readOnly?: boolean;
  /** The runs that are open. */
  queue: Queue;
  /** The interactions that wait for an answer. */
  interactions: Array<InteractionRequest>;
  /** Who is present besides the caller, at most 64 connections. */
  present?: Array<Attendee>;
}

/** `listAgents`: all agents of the manager. It has no fields; `{}` or no payload at all. */
export type ListAgents = Record<string, never>;

/** `listConversations`: newest activity first. */
export interface ListConversations {
  /** The agent; may be left to `forward`. Without one, all agents that the connection is logged in to. */
  agentId?: AgentId;
  /** Only those whose name has this in it, whatever the case. */
  name?: string;
  /** At most this many, 1 to 1,000; 1,000 without. */
  limit?: number;
  /** Go on where the list before ended: its `next`. */
  cursor?: string;
}

/** `listFiles`: what is in a directory, by name, in pages. */
export interface ListFiles {
  /** The agent; may be left to `forward`. */
  agentId?: AgentId;
  /** The directory; without one, the workspace itself. */
  path?: string;
  /** Begin behind this name: `next` of the page before. */
  after?: string;
  /** At most this many, 1 to 1,000; 1,000 without. */
  limit?: number;
}

/** `listTerminals`: those of one agent. */
export interface ListTerminals {
  /** The agent; may be left to `forward`. */
  agentId?: AgentId;
}

/**
 * `chatEvent` of kind `assistantDelta` or `assistantSnapshot`: a piece of the answer, live only, superseded by the next
 * `chatMessage` of the run.
 */
export type LiveEvent = {
  /** The agent. */
  agentId: AgentId;
  /** The log. */
  conversationId: ConversationId;
  /** The run. */
  runId: RunId;
  /** When. */
  timestamp: Timestamp;
  /** 0, 1, 2 … within the run. What stands for several pieces, for a slow reader, has the number of the last. */
  sequence: number;
  /** With an ephemeral run: the connection that it is for. */
  connectionId?: ConnectionId;
} & (
  /** A piece of the answer. */
  | {
    kind: "assistantDelta";
    payload: {
      /** Text that follows the one before. */
      delta: string;
      /** Whether more was said than is shown: it was too long to be kept for a slow reader. */
      truncated?: boolean;
    };
  }
  /**
   * All that was said since the run began or its last `chatMessage`, for whoever joins in the middle. It replaces
   * what the viewer has of it.
   */
  | {
    kind: "assistantSnapshot";
    payload: {
      /** The text so far. */
      text: string;
      /** Whether more was said than is shown. */
      truncated?: boolean;
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
  /** Follow without being present: a controller's own login, on behalf of nobody yet. */
  observe?: boolean;
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

/** `messageFilterResult`: a filter found something. What it found is not said. */
export interface MessageFilterResult {
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
  /** Which way the message went. */
  direction: FilterDirection;
  /** What became of it: the strongest of what the filters did. */
  status: FilterStatus;
  /** Names of the filters that found something, in the order of the agent's configuration. */
  appliedFilters: Array<string>;
  /** Whose message it was. */
  viewerId?: ViewerId;
}

/** Chosen by the sender of a message, so that sending it again changes nothing. */
export type MessageId = string;

/** A directory or file of the manager's machine within a container. */
export interface Mount {
  /** Where it is; the manager has a list of what may be mounted. */
  source: string;
  /** Where the container sees it. */
  target: string;
  /** Whether it cannot be changed. */
  readOnly?: boolean;
}

/** `moveFile`: give a file or a directory another place in the workspace. */
export interface MoveFile {
  /** The agent; may be left to `forward`. */
  agentId?: AgentId;
  /** Where it is. */
  from: string;
  /** Where it is to be. The directory must be there. */
  to: string;
  /** Replace what is there. */
  overwrite?: boolean;
}

/** What to do with a name that is taken. */
export type NameCollision =
  /** Refuse it, with `NAME_TAKEN`. */
  | "error"
  /** Put a number behind it: `Name (2)`. */
  | "appendNumber";

/** How bad something is. */
export type NoticeLevel =
  /** Good to know. */
  | "info"
  /** Something is going to change. */
  | "warning"
  /** Something does not work. */
  | "error";

/** Programs whose lines are known. */
export type OneshotFormat =
  /** `codex exec --json` */
  | "codex"
  /** `gemini --output-format stream-json` */
  | "gemini"
  /** `opencode run --format json` */
  | "opencode"
  /** `claude -p --output-format stream-json --verbose` */
  | "claude";

/** What something in a JSON line means. Where nothing is found, nothing is meant. */
export type OneshotMeaning =
  /** The id of the program's session. */
  | {
    type: "session";
    /** Where it is. */
    id: string;
  }
  /** More of the answer. */
  | {
    type: "delta";
    /** Where it is. */
    text: string;
  }
  /** A part of the answer that is whole. */
  | {
    type: "message";
    /** Where it is. */
    text: string;
  }
  /** What the agent thinks. */
  | {
    type: "thinking";
    /** Where it is. */
    text: string;
  }
  /** A tool is used. */
  | {
    type: "toolCall";
    /** Where the call's id is. */
    id: string;
    /** Where the tool's name is. */
    name: string;
    /** Where its arguments are. */
    input?: string;
  }
  /** A tool has given something back. */
  | {
    type: "toolResult";
    /** Where the call's id is. */
    id: string;
    /** Where it is. */
    output?: string;
    /** Where it says so if the tool failed: `true`, text that is `error` or `failed`, or a number other than 0. */
    failed?: string;
  }
  /** What the turn cost. */
  | {
    type: "usage";
    /** Where the number of tokens read is. */
    input?: string;
    /** Where the number of tokens written is. */
    output?: string;
    /** Where the number of tokens from a cache is. */
    cached?: string;
    /** Where the price in US dollars is. */
    cost?: string;
  }
  /** Something for people. */
  | {
    type: "status";
    /** Where it is. */
    text: string;
  }
  /** The turn ended well; the program is about to exit. */
  | {
    type: "done";
  }
  /** The turn failed. */
  | {
    type: "failed";
    /** Where it says why. */
    error: string;
  };

/**
 * What a JSON line means. Places in it are JSON Pointers (RFC 6901); of a meaning, a text that does not begin with `/` is the
 * text itself. All rules that fit a line count, in order.
 */
export interface OneshotRule {
  /** Texts, numbers or truth values that have to be at these places. */
  when: Record<string, unknown>;
  /** Where a list is: the rule is for each of its items, and the places of its meanings are in the item. */
  each?: string;
  /** With `each`: what has to be at these places of the item. */
  item?: Record<string, unknown>;
  /** What it means, in order; with none, nothing. */
  then: Array<OneshotMeaning>;
}

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
  /** The terminal that a `createTerminal` makes whose payload names none. */
  sessionId?: SessionId;
  /** What the user may do; without it, everything. */
  role?: AccessRole;
  /**
   * Names this command: when it comes again, because the connection was lost before it was acknowledged, it is not
   * done again and gets the same answer.
   */
  commandId?: MessageId;
  /** By what the lines about this command are found in the logs, the controller's and the manager's. */
  correlationId?: CorrelationId;
  /** The trace that goes on with this command: as the header of that name. */
  traceparent?: string;
}

/** A stream of a program. */
export type OutputStream =
  /** Standard output. */
  | "stdout"
  /** Standard error. */
  | "stderr";

/** How far a step of a plan is. */
export type PlanStatus =
  /** Not begun. */
  | "pending"
  /** Begun. */
  | "inProgress"
  /** Done. */
  | "completed";

/** One step of a plan. */
export interface PlanStep {
  /** What is to be done. */
  content: string;
  /** How far it is. */
  status: PlanStatus;
}

/**
 * `presence`: who is present in a conversation by way of a controller, as a whole. Nobody is told of it: it restores
 * what was before the connection was lost.
 */
export interface Presence {
  /** The agent. */
  agentId: AgentId;
  /** The conversation. */
  conversationId: ConversationId;
  /** All who are present. */
  viewers: Array<Attendee>;
}

/** `promoteRun`: let a run that waits be the next. */
export interface PromoteRun {
  /** The run. */
  runId: RunId;
  /** The agent; not needed. */
  agentId?: AgentId;
}

/** The open runs of a conversation. */
export interface Queue {
  /** Grows with each change while the manager runs; 0 when nothing has happened yet. */
  version: number;
  /** The runs that the agent has. */
  running: Array<QueuedRun>;
  /** The runs that wait, the next one first. */
  queued: Array<QueuedRun>;
}

/**
 * `queueUpdate`: the open runs of a conversation. Sent when they change, at most every 100 ms; the newest replaces all
 * before.
 */
export interface QueueUpdate {
  /** The agent. */
  agentId: AgentId;
  /** The conversation. */
  conversationId: ConversationId;
  /** Grows with each change while the manager runs; 0 when nothing has happened yet. */
  version: number;
  /** The runs that the agent has. */
  running: Array<QueuedRun>;
  /** The runs that wait, the next one first. */
  queued: Array<QueuedRun>;
}

/** An open run. */
export interface QueuedRun {
  /** The run. */
  runId: RunId;
  /** The beginning of its message, at most 200 characters. */
  text: string;
  /** Whether the agent waits for the answer to an interaction. */
  blocked?: boolean;
  /** Whose it is. */
  viewerId?: ViewerId;
  /** That viewer's user name. */
  user?: string;
}

/** `readFile`: a part of a file. */
export interface ReadFile {
  /** The agent; may be left to `forward`. */
  agentId?: AgentId;
  /** The file. */
  path: string;
  /** Begin at this byte; at the first without. */
  offset?: number;
  /** At most this many bytes, 1 to 1 MiB; 1 MiB without. */
  limit?: number;
  /** How it is wanted. Without it, as text where it is UTF-8, else as base64. */
  encoding?: Encoding;
}

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

/** `renameConversation` */
export interface RenameConversation {
  /** The agent; not needed. */
  agentId?: AgentId;
  /** The conversation. */
  conversationId: ConversationId;
  /** As with `createConversation`. */
  newName: string;
  /** What to do when the name is taken. */
  onNameCollision?: NameCollision;
}

/** `resizeTerminal` */
export interface ResizeTerminal {
  /** The agent; not needed. */
  agentId?: AgentId;
  /** The terminal. */
  sessionId: SessionId;
  /** Columns, 1 to 1,000. */
  cols: number;
  /** Rows, 1 to 1,000. */
  rows: number;
}

/** `respondInteraction`: answer, or decline to. The first answer counts. */
export interface RespondInteraction {
  /** The agent; not needed. */
  agentId?: AgentId;
  /** The interaction. */
  interactionId: InteractionId;
  /** The answer, as the interaction wants it. */
  value?: unknown;
  /** Decline to answer. */
  cancel?: boolean;
}

/** Whether an answer is shown while it is written. */
export type ResponseMode =
  /** Piece by piece. */
  | "stream"
  /** When it is complete. */
  | "single";

/** How long entries are kept. */
export interface Retention {
  /** At most this old, in days. */
  maxAgeDays?: number;
  /** At most this many in a conversation. */
  maxEntries?: number;
}

/** A side of a conversation. */
export type Role =
  /** A person. */
  | "user"
  /** The agent. */
  | "agent";

/**
 * `runActivity`: a run has ended, waits for an answer, or has it. Once for each such `runEvent` and each interaction, when that is stored; of the
 * interactions that wait also when somebody begins to be told.
 */
export interface RunActivity {
  /** The agent. */
  agentId: AgentId;
  /** The conversation. */
  conversationId: ConversationId;
  /** Its name. */
  conversationName: string;
  /** The run. */
  runId: RunId;
  /** Position of the `runEvent` or the `interactionRequest` in the log. */
  seq: Seq;
  /** The state that the run is in now. */
  state: ActivityState;
  /** Why it ended, with `cancelled` and `failed`. */
  reason?: RunReason;
  /** More about a failure, for people: the beginning, at most 200 characters. */
  error?: string;
  /** Time from `started` to the end, in milliseconds. */
  durationMs?: number;
  /** Whose run it is. */
  viewerId?: ViewerId;
  /** That viewer's user name. */
  user?: string;
  /** With `blocked`: the interaction that it waits for. */
  interactionId?: InteractionId;
  /** With `blocked` what is asked, with `done` the last answer: the beginning, at most 200 characters of plain text. */
  message?: string;
  /** When that entry was appended. */
  timestamp: Timestamp;
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
  /** What it cost, with a terminal state, where the agent said so. */
  usage?: Usage;
  /** Whose run it is. */
  viewerId?: ViewerId;
}

/** One turn of an agent. */
export type RunId = string;

/** Acknowledgement of `promoteRun`. */
export interface RunPromoted {
  /** How many runs are before it: 1 for the next one. */
  position: number;
}

/** Why a run ended otherwise than well. */
export type RunReason =
  /** Somebody cancelled it. */
  | "user"
  /** It took longer than a run may. */
  | "timeout"
  /** Another message took its place. */
  | "interrupted"
  /** The connection that began it is gone, and it was to end with it. */
  | "disconnect"
  /** Nobody has been there to see it for 30 s. */
  | "no_clients"
  /** Its conversation was deleted. */
  | "conversation_deleted"
  /** The server was stopping. */
  | "server_stopping"
  /** The server was restarted while the run was open. */
  | "server_restart"
  /** The agent's program ended in the middle of the turn. */
  | "agent_exited"
  /** The agent's program could not be started. */
  | "agent_unavailable"
  /** The image of the agent's container is not there, and cannot be had. */
  | "image_missing"
  /** The agent's program needed more memory than its container has. */
  | "out_of_memory"
  /** The agent says that the turn failed. */
  | "agent_error"
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
  /** The agent waits for the answer to an interaction. */
  | "blocked"
  /** The agent has got the answer and goes on. */
  | "resumed"
  /** Ended well. Terminal. */
  | "done"
  /** Ended because somebody said so. Terminal. */
  | "cancelled"
  /** Ended badly. Terminal. */
  | "failed";

/** `searchConversations`: in names and in what was said, for all of the words. */
export interface SearchConversations {
  /** The agent; may be left to `forward`. Without one, all agents that the connection is logged in to. */
  agentId?: AgentId;
  /** 1 to 256 characters. Words, of which the last may be unfinished; nothing in it is an operator. */
  query: string;
  /** At most this many conversations, 1 to 100; 10 without. */
  limit?: number;
}

/** Position of an entry in its conversation's log: 1, 2, 3 … without holes. 0 stands before the first. */
export type Seq = number;

/**
 * `serverNotice`: what a server has to say to everybody who is connected, or that it is no longer so.
 *
 * A notice holds until it is dismissed or the connection ends. One with the `id` of an earlier one takes its place.
 */
export interface ServerNotice {
  /** What it is about: `stopping`, `restarting`, `store`. Others may be added. */
  id: string;
  /** How bad it is. With `dismiss`, this and the rest is left out. */
  level?: NoticeLevel;
  /** A few words. */
  title?: string;
  /** A sentence or two, English, for people. */
  message?: string;
  /** Of `stopping` and `restarting`: when what still runs is cancelled. */
  until?: Timestamp;
  /** It is no longer so. */
  dismiss?: boolean;
}

/** `serverStats`: what the controller uses and serves. */
export interface ServerStats {
  /**
   * Processor time of its process since the measurement before, in the first one since it began, as percent of one
   * processor.
   */
  cpu: number;
  /** Memory of its process that is resident, in bytes. */
  memory: number;
  /** Connections of viewers. */
  connections: number;
  /** Conversations of all clients in which a run is open. */
  runs: number;
  /** When it was measured. */
  timestamp: Timestamp;
}

/** One terminal. */
export type SessionId = string;

/** `setClient`: select the manager that `forward` goes to. */
export interface SetClient {
  /** A registered client. */
  clientId: ClientId;
}

/** `shutdown`: stop, and begin again if asked to. */
export interface Shutdown {
  /**
   * How long open runs may go on, up to an hour, in milliseconds; as the server is configured without. 0 cancels them
   * at once.
   */
  deadlineMs?: number;
  /** Start again in the same place, with the same settings. */
  restart?: boolean;
}

/** A part of a message that has what was searched for. */
export interface Snippet {
  /** The message; absent for the name. */
  seq?: Seq;
  /** Its text around what was found, at most about 160 characters. */
  text: string;
}

/** `startRun`: a run in a session of the agent of its own, beside the conversation's queue and in parallel to its runs. */
export interface StartRun {
  /** The agent; may be left to `forward`. */
  agentId?: AgentId;
  /** The run's id. It must not be one of an open run; that of a run that has ended may be used again. */
  runId: string;
  /** 1 byte to 1 MiB of text, not only white space. */
  message: string;
  /** The conversation whose log the run is in; without one, the one called `default`. */
  conversationId?: ConversationId;
  /** End the run when the connection that begins it is gone. */
  cancelOnDisconnect?: boolean;
}

/** What programs use. */
export interface Stats {
  /** Processor time since the measurement before, as percent of one processor; absent in the first. */
  cpuPercent?: number;
  /** Memory that is resident, in bytes. What processes share is counted for each, but not in containers. */
  memoryBytes: number;
  /** How much they may use, in bytes, where that is limited. */
  memoryLimitBytes?: number;
  /** How many processes there are; in containers, processes and threads. */
  processes: number;
}

/** Acknowledgement of `shutdown`. Of several, the nearest deadline counts, and one without `restart`. */
export interface Stopping {
  /** How long open runs may go on from now, in milliseconds. */
  deadlineMs: number;
  /** Whether the server starts again. */
  restart: boolean;
}

/**
 * `subscribe`: be told exactly these topics about an agent from now on. Without any, nothing more. Without an agent: about
 * all of them.
 */
export interface Subscribe {
  /** The agent, with `containerStats`; may be left to `forward`. `activity` is of all agents and has none. */
  agentId?: AgentId;
  /** What about. */
  topics: Array<Topic>;
}

/** `subscribe`: be told exactly these topics from now on, whichever client is selected. Without any, nothing more. */
export interface SubscribeTopics {
  /** What about. */
  topics: Array<ViewerTopic>;
  /** How often `heartbeat` and `serverStats` come, 250 to 60,000, in milliseconds; 5,000 without. */
  intervalMs?: number;
}

/** Acknowledgement of `subscribe`. */
export interface Subscribed {
  /** The agent; absent when it is about all of them. */
  agentId?: AgentId;
  /** What about, from now on. */
  topics: Array<Topic>;
}

/** Acknowledgement of `subscribe`. */
export interface SubscribedTopics {
  /** What about, from now on; each once. */
  topics: Array<ViewerTopic>;
  /** How often what is told by the clock comes, in milliseconds. */
  intervalMs: number;
}

/** `terminalClosed`: the terminal has ended. Nothing of it follows. */
export interface TerminalClosed {
  /** The agent. */
  agentId: AgentId;
  /** The terminal. */
  sessionId: SessionId;
  /**
   * How its program exited; absent when it was killed, or nobody knows. In a container a program that was killed has 128
   * and the number of the signal.
   */
  exitCode?: number;
  /** Why. */
  reason: TerminalEnd;
  /** When. */
  timestamp: Timestamp;
}

/** Why a terminal has ended. */
export type TerminalEnd =
  /** Its program has exited. */
  | "exited"
  /** Somebody closed it. */
  | "closed"
  /** Nobody watched it for a while. */
  | "unwatched"
  /** Its agent was deleted. */
  | "agentDeleted"
  /** The manager stops. */
  | "serverStopping"
  /** The manager has been restarted and does not know it any more. */
  | "lost";

/** A terminal: what `createTerminal` and `joinTerminal` answer, what `terminalCreated` tells. */
export interface TerminalInfo {
  /** The agent. */
  agentId: AgentId;
  /** The terminal. */
  sessionId: SessionId;
  /** The program in it. */
  shell: string;
  /** Columns. */
  cols: number;
  /** Rows. */
  rows: number;
  /** When it was made. */
  createdAt: Timestamp;
  /** How far its output has got: the `offset` of what comes next. */
  offset: number;
}

/** `terminalInput`: type. */
export interface TerminalInput {
  /** The agent; not needed. */
  agentId?: AgentId;
  /** The terminal. */
  sessionId: SessionId;
  /** What is typed, 64 KiB at most; Enter is `\r`. */
  data: string;
}

/** `terminalOutput`: something was printed. */
export interface TerminalOutput {
  /** The agent. */
  agentId: AgentId;
  /** The terminal. */
  sessionId: SessionId;
  /**
   * How many bytes of UTF-8 were printed before this. When it is not where the output before ended, the viewer was too
   * slow and what is between is lost to it.
   */
  offset: number;
  /** Text and control sequences. Bytes that are no UTF-8 are U+FFFD. */
  data: string;
}

/** Acknowledgement of `listTerminals`. */
export interface Terminals {
  /** The terminals that are open, the oldest first. */
  terminals: Array<TerminalInfo>;
}

/** `ticketBodyResult` */
export interface TicketBodyResult {
  /** The agent. */
  agentId: AgentId;
  /** As it came. */
  correlationId: CorrelationId;
  /** The run. */
  runId: RunId;
  /** The connection that it is for; absent for one that is connected to the manager itself. */
  connectionId?: ConnectionId;
  /** When. */
  timestamp: Timestamp;
  /** Whether it worked. */
  success: boolean;
  /** Why not. */
  error?: HelperError;
  /** The ticket's text, with `success`. */
  body?: string;
}

/** RFC 3339, UTC, with milliseconds; the same live and replayed. */
export type Timestamp = string;

/** Something to be told about. */
export type Topic =
  /** What the agent's programs use, as `containerStats`. */
  | "containerStats"
  /**
   * What all agents of the manager are doing, as `agentUpdate`, `conversationActivity`, `runActivity` and
   * `conversationUpdate`.
   */
  | "activity";

/** What a run cost, as the agent counts it. */
export interface Usage {
  /** Tokens read. */
  inputTokens?: number;
  /** Tokens written. */
  outputTokens?: number;
  /** Of the tokens read, those that came from a cache. */
  cachedTokens?: number;
  /** Price in US dollars. */
  costUsd?: number;
}

/** Whoever follows conversations over one or more connections; stable. */
export type ViewerId = string;

/** Something that a viewer can be told about. */
export type ViewerTopic =
  /** What all agents of all clients are doing, as `clientUpdate` and `clientEvent`. */
  | "activity"
  /** What the controller uses, as `serverStats`. */
  | "stats"
  /** That it is there, as `heartbeat`. */
  | "heartbeat";

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

/** `writeFile`: put a file in the place of the one that is there, or where none is. All of it or nothing. */
export interface WriteFile {
  /** The agent; may be left to `forward`. */
  agentId?: AgentId;
  /** The file. */
  path: string;
  /** What it has from now on, 4 MiB at most. */
  content: string;
  /** How that stands for bytes; text without. */
  encoding?: Encoding;
  /** The file must be this: `version` of what was read or written last. Whatever is there is replaced without it. */
  expectedVersion?: string;
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
  /** The controller is there. */
  heartbeat: (payload: Heartbeat) => void;
  /** What the controller uses and serves. */
  serverStats: (payload: ServerStats) => void;
  /** What the controller has to say to everybody. */
  serverNotice: (payload: ServerNotice) => void;
  /** A client with its agents, as it is now. */
  clientUpdate: (payload: ClientUpdate) => void;
  /** What an agent of any client is doing. */
  clientEvent: (payload: ClientEvent) => void;
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
  /** Choose what to be told besides. */
  subscribe: { payload: SubscribeTopics; data: SubscribedTopics };
  /** Stop the controller, and start it again if asked to. */
  shutdown: { payload: Shutdown; data: Stopping };
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
  chatMessage: (payload: ChatMessage | EphemeralMessage) => void;
  /** A run changed its state. */
  runEvent: (payload: RunEvent | EphemeralRunEvent) => void;
  /** Something that happened within a turn. */
  chatEvent: (payload: ChatEvent | LiveEvent | EphemeralChatEvent) => void;
  /** The agent asks, and waits for the answer. */
  interactionRequest: (payload: InteractionRequest) => void;
  /** An interaction has ended. */
  interactionUpdate: (payload: InteractionUpdate) => void;
  /** Something of the agent's own. */
  agentEvent: (payload: AgentEvent) => void;
  /** Another agent answers from now on. */
  agentChanged: (payload: AgentChanged) => void;
  /** A filter found something. */
  messageFilterResult: (payload: MessageFilterResult) => void;
  /** A conversation was made, changed or removed. */
  conversationUpdate: (payload: ConversationUpdate) => void;
  /** The open runs of a conversation. */
  queueUpdate: (payload: QueueUpdate) => void;
  /** A terminal was made. */
  terminalCreated: (payload: TerminalInfo) => void;
  /** Something was printed in a terminal. */
  terminalOutput: (payload: TerminalOutput) => void;
  /** A terminal has ended. */
  terminalClosed: (payload: TerminalClosed) => void;
  /** Somebody else has changed a file. */
  fileUpdateNotification: (payload: FileUpdateNotification) => void;
  /** What an agent's programs use. */
  containerStats: (payload: ContainerStats) => void;
  /** What an agent is doing. */
  agentUpdate: (payload: AgentUpdate) => void;
  /** What is going on in a conversation. */
  conversationActivity: (payload: ConversationActivity) => void;
  /** A run has ended or needs an answer. */
  runActivity: (payload: RunActivity) => void;
  /** The better wording of a message. */
  chatEnhanceResult: (payload: ChatEnhanceResult) => void;
  /** The text of a ticket. */
  ticketBodyResult: (payload: TicketBodyResult) => void;
  /** The replay is over, what follows is live. */
  historyEnd: (payload: HistoryEnd) => void;
  /** What the manager has to say to everybody. */
  serverNotice: (payload: ServerNotice) => void;
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
  /** Start a run in parallel to others. */
  startRun: { payload: StartRun; data: ChatAccepted };
  /** End a run that waits or runs. */
  cancelRun: { payload: CancelRun; data: RunCancelled };
  /** Let a run that waits be the next. */
  promoteRun: { payload: PromoteRun; data: RunPromoted };
  /** Answer a question of an agent. */
  respondInteraction: { payload: RespondInteraction; data: InteractionEnded };
  /** Be present in a conversation and follow it. */
  joinConversation: { payload: JoinConversation; data: Joined };
  /** Be no longer present in a conversation. */
  leaveConversation: { payload: ForConversation; data: Done };
  /** Make a conversation. */
  createConversation: { payload: CreateConversation; data: ConversationInfo };
  /** List conversations. */
  listConversations: { payload: ListConversations; data: Conversations };
  /** Give a conversation another name. */
  renameConversation: { payload: RenameConversation; data: ConversationInfo };
  /** Remove a conversation with all that is in it. */
  deleteConversation: { payload: ForConversation; data: Done };
  /** Search names and what was said. */
  searchConversations: { payload: SearchConversations; data: Found };
  /** Read a page of a conversation. */
  getHistory: { payload: GetHistory; data: History };
  /** Begin a conversation's log anew. */
  clearHistory: { payload: ForConversation; data: Cleared };
  /** Append messages that were said elsewhere. */
  insertHistory: { payload: InsertHistory; data: Inserted };
  /** Have the agent word a message better. */
  enhanceChat: { payload: EnhanceChat; data: HelperAccepted };
  /** Have the agent write the text of a ticket. */
  generateTicketBody: { payload: GenerateTicketBody; data: HelperAccepted };
  /** Start a shell in the agent's environment. */
  createTerminal: { payload: CreateTerminal; data: TerminalInfo };
  /** Watch a terminal. */
  joinTerminal: { payload: JoinTerminal; data: TerminalInfo };
  /** Watch a terminal no more. */
  leaveTerminal: { payload: ForTerminal; data: Done };
  /** Type into a terminal that one watches. */
  terminalInput: { payload: TerminalInput; data: Done };
  /** Give a terminal that one watches another size. */
  resizeTerminal: { payload: ResizeTerminal; data: Done };
  /** End a terminal that one watches, with all that runs in it. */
  closeTerminal: { payload: ForTerminal; data: Done };
  /** List an agent's terminals. */
  listTerminals: { payload: ListTerminals; data: Terminals };
  /** List a directory of the agent's workspace. */
  listFiles: { payload: ListFiles; data: Files };
  /** Read a part of a file of the agent's workspace. */
  readFile: { payload: ReadFile; data: FileContent };
  /** Write a file of the agent's workspace. */
  writeFile: { payload: WriteFile; data: FileWritten };
  /** Make a file in the agent's workspace. */
  createFile: { payload: CreateFile; data: FileWritten };
  /** Make a directory in the agent's workspace. */
  createDirectory: { payload: CreateDirectory; data: Done };
  /** Remove a file or directory from the agent's workspace. */
  deleteFile: { payload: DeleteFile; data: Done };
  /** Move a file or directory within the agent's workspace. */
  moveFile: { payload: MoveFile; data: Done };
  /** Say that a file has changed. */
  fileUpdate: { payload: FileUpdate; data: Done };
  /** Choose what to be told about an agent, or about all. */
  subscribe: { payload: Subscribe; data: Subscribed };
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
  /** Look whether an agent can be used. */
  checkAgent: { payload: ForAgent; data: AgentCheck };
  /** Set and remove variables of an agent's environment. */
  changeEnvironment: { payload: ChangeEnvironment; data: Environment };
  /** Say who is present by way of a controller. */
  presence: { payload: Presence; data: Done };
  /** Stop the manager, and start it again if asked to. */
  shutdown: { payload: Shutdown; data: Stopping };
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
  /** Start a run in parallel to others. */
  startRun: { payload: StartRun; data: ChatAccepted };
  /** End a run that waits or runs. */
  cancelRun: { payload: CancelRun; data: RunCancelled };
  /** Let a run that waits be the next. */
  promoteRun: { payload: PromoteRun; data: RunPromoted };
  /** Answer a question of an agent. */
  respondInteraction: { payload: RespondInteraction; data: InteractionEnded };
  /** Be present in a conversation and follow it. */
  joinConversation: { payload: JoinConversation; data: Joined };
  /** Be no longer present in a conversation. */
  leaveConversation: { payload: ForConversation; data: Done };
  /** Make a conversation. */
  createConversation: { payload: CreateConversation; data: ConversationInfo };
  /** List conversations. */
  listConversations: { payload: ListConversations; data: Conversations };
  /** Give a conversation another name. */
  renameConversation: { payload: RenameConversation; data: ConversationInfo };
  /** Remove a conversation with all that is in it. */
  deleteConversation: { payload: ForConversation; data: Done };
  /** Search names and what was said. */
  searchConversations: { payload: SearchConversations; data: Found };
  /** Read a page of a conversation. */
  getHistory: { payload: GetHistory; data: History };
  /** Begin a conversation's log anew. */
  clearHistory: { payload: ForConversation; data: Cleared };
  /** Append messages that were said elsewhere. */
  insertHistory: { payload: InsertHistory; data: Inserted };
  /** Have the agent word a message better. */
  enhanceChat: { payload: EnhanceChat; data: HelperAccepted };
  /** Have the agent write the text of a ticket. */
  generateTicketBody: { payload: GenerateTicketBody; data: HelperAccepted };
  /** Start a shell in the agent's environment. */
  createTerminal: { payload: CreateTerminal; data: TerminalInfo };
  /** Watch a terminal. */
  joinTerminal: { payload: JoinTerminal; data: TerminalInfo };
  /** Watch a terminal no more. */
  leaveTerminal: { payload: ForTerminal; data: Done };
  /** Type into a terminal that one watches. */
  terminalInput: { payload: TerminalInput; data: Done };
  /** Give a terminal that one watches another size. */
  resizeTerminal: { payload: ResizeTerminal; data: Done };
  /** End a terminal that one watches, with all that runs in it. */
  closeTerminal: { payload: ForTerminal; data: Done };
  /** List an agent's terminals. */
  listTerminals: { payload: ListTerminals; data: Terminals };
  /** List a directory of the agent's workspace. */
  listFiles: { payload: ListFiles; data: Files };
  /** Read a part of a file of the agent's workspace. */
  readFile: { payload: ReadFile; data: FileContent };
  /** Write a file of the agent's workspace. */
  writeFile: { payload: WriteFile; data: FileWritten };
  /** Make a file in the agent's workspace. */
  createFile: { payload: CreateFile; data: FileWritten };
  /** Make a directory in the agent's workspace. */
  createDirectory: { payload: CreateDirectory; data: Done };
  /** Remove a file or directory from the agent's workspace. */
  deleteFile: { payload: DeleteFile; data: Done };
  /** Move a file or directory within the agent's workspace. */
  moveFile: { payload: MoveFile; data: Done };
  /** Say that a file has changed. */
  fileUpdate: { payload: FileUpdate; data: Done };
  /** Choose what to be told about an agent, or about all. */
  subscribe: { payload: Subscribe; data: Subscribed };
  /** List the manager's agents. */
  listAgents: { payload: ListAgents; data: Agents };
  /** Stop the manager, and start it again if asked to. */
  shutdown: { payload: Shutdown; data: Stopping };
}
