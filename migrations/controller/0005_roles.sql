-- What an access token may do, on which clients, and until when. Those that there are may do everything.

ALTER TABLE access_tokens ADD COLUMN token_id TEXT NOT NULL DEFAULT '';
ALTER TABLE access_tokens ADD COLUMN role TEXT NOT NULL DEFAULT 'admin';
ALTER TABLE access_tokens ADD COLUMN clients TEXT;           -- JSON: a list of ids; NULL for all
ALTER TABLE access_tokens ADD COLUMN expires_at INTEGER;
ALTER TABLE access_tokens ADD COLUMN last_used_at INTEGER;   -- as of a minute before, at most
ALTER TABLE access_tokens ADD COLUMN is_owner INTEGER NOT NULL DEFAULT 0;  -- 1 for the one in owner.token

UPDATE access_tokens SET token_id = 'tk_' || lower(hex(randomblob(10)));

CREATE UNIQUE INDEX access_tokens_by_id ON access_tokens (token_id);
CREATE UNIQUE INDEX access_tokens_owner ON access_tokens (is_owner) WHERE is_owner = 1;
