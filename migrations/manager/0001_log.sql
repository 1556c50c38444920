-- Agents, their conversations, and the log.

CREATE TABLE agents (
    agent_id      TEXT PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    spec          TEXT NOT NULL,             -- JSON, protocol::spec::AgentSpec
    password_hash TEXT NOT NULL,             -- argon2id, PHC string
    stopped       INTEGER NOT NULL DEFAULT 0,
    created_at    INTEGER NOT NULL           -- milliseconds since 1970
) STRICT;

CREATE TABLE conversations (
    number          INTEGER PRIMARY KEY,     -- short key of the entries
    conversation_id TEXT NOT NULL UNIQUE,
    agent_id        TEXT NOT NULL REFERENCES agents (agent_id) ON DELETE CASCADE,
    name            TEXT NOT NULL,
    epoch           TEXT NOT NULL,
    head_seq        INTEGER NOT NULL DEFAULT 0,
    created_at      INTEGER NOT NULL,
    UNIQUE (agent_id, name)
) STRICT;

-- The log. Clustered by its order, so that a page is read in one sweep.
CREATE TABLE entries (
    conversation INTEGER NOT NULL REFERENCES conversations (number) ON DELETE CASCADE,
    seq          INTEGER NOT NULL,
    kind         TEXT NOT NULL,              -- event name
    run_id       TEXT,
    message_id   TEXT,
    timestamp    INTEGER NOT NULL,
    body         TEXT NOT NULL,              -- JSON, the event without its routing head
    PRIMARY KEY (conversation, seq)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX entries_by_message ON entries (conversation, message_id) WHERE message_id IS NOT NULL;

-- Runs without a terminal entry: what has to be closed after a crash.
CREATE TABLE open_runs (
    conversation INTEGER NOT NULL REFERENCES conversations (number) ON DELETE CASCADE,
    run_id       TEXT NOT NULL,
    PRIMARY KEY (conversation, run_id)
) STRICT, WITHOUT ROWID;
