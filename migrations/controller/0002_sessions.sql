-- Browsers that were let in with an access token, until they log out or stay away.

CREATE TABLE sessions (
    hash         BLOB PRIMARY KEY,           -- SHA-256 of what the cookie has
    token_hash   BLOB NOT NULL REFERENCES access_tokens (hash) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL,           -- milliseconds since 1970
    expires_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL            -- as of an hour before, at most
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_of_token ON sessions (token_hash, last_used_at);
