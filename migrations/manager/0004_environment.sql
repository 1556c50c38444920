-- Variables of agents' environments. They were in the specification, in the clear, before.

CREATE TABLE environment (
    agent_id TEXT NOT NULL REFERENCES agents (agent_id) ON DELETE CASCADE,
    name     TEXT NOT NULL,
    value    BLOB NOT NULL,                  -- sealed
    PRIMARY KEY (agent_id, name)
) STRICT, WITHOUT ROWID;
