-- Which managers there are, with which credentials, and who may connect.

CREATE TABLE clients (
    client_id  TEXT PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    endpoint   TEXT NOT NULL,
    api_key    BLOB NOT NULL,                -- sealed
    created_at INTEGER NOT NULL              -- milliseconds since 1970
) STRICT;

CREATE TABLE credentials (
    client_id    TEXT NOT NULL REFERENCES clients (client_id) ON DELETE CASCADE,
    agent_id     TEXT NOT NULL,
    password     BLOB NOT NULL,              -- sealed
    resume_token BLOB,                       -- sealed
    PRIMARY KEY (client_id, agent_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE access_tokens (
    hash       BLOB PRIMARY KEY,             -- SHA-256
    name       TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
