-- The sessions of their own that agents have in conversations, so that they can be taken up after a restart.
CREATE TABLE agent_sessions (
    conversation INTEGER NOT NULL REFERENCES conversations (number) ON DELETE CASCADE,
    agent_id     TEXT NOT NULL,
    session      TEXT NOT NULL,              -- the agent's id for it
    PRIMARY KEY (conversation, agent_id)
) STRICT, WITHOUT ROWID;
