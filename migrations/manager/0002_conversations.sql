-- Many conversations of an agent, what is asked in them, and the search through them.

ALTER TABLE conversations ADD COLUMN name_key TEXT NOT NULL DEFAULT '';      -- what the name is unique by
ALTER TABLE conversations ADD COLUMN last_activity INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN messages INTEGER NOT NULL DEFAULT 0;    -- how many entries are messages
ALTER TABLE conversations ADD COLUMN ephemeral INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN read_only INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN active_agent TEXT;                      -- who answers, after a hand-off

UPDATE conversations SET
    name_key = lower(trim(name)),
    last_activity = coalesce((SELECT max(timestamp) FROM entries WHERE conversation = number), created_at),
    messages = (SELECT count(*) FROM entries WHERE conversation = number AND kind = 'chatMessage');

CREATE UNIQUE INDEX conversations_by_name ON conversations (agent_id, name_key);

-- Interactions, also those that have ended: so that a late answer is told from one to nothing.
CREATE TABLE interactions (
    interaction_id TEXT PRIMARY KEY,
    conversation   INTEGER NOT NULL REFERENCES conversations (number) ON DELETE CASCADE,
    seq            INTEGER NOT NULL,         -- the interactionRequest
    asked_as       TEXT NOT NULL,            -- the agent's own id for it
    open           INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX interactions_by_conversation ON interactions (conversation) WHERE open;

-- Names (seq 0) and messages. The row id is conversation << 40 | seq; the text itself is in its entry.
CREATE VIRTUAL TABLE texts USING fts5 (
    text, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
);

INSERT INTO texts (rowid, text) SELECT number << 40, name FROM conversations;
INSERT INTO texts (rowid, text)
    SELECT conversation << 40 | seq, coalesce(json_extract(body, '$.text'), json_extract(body, '$.response.result'), '')
    FROM entries WHERE kind = 'chatMessage';
