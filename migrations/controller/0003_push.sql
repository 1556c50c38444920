-- Who is told when an agent needs somebody, and the key pair that browsers know this controller by.

CREATE TABLE push_key (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    key        BLOB NOT NULL                 -- sealed
) STRICT;

CREATE TABLE push_subscriptions (
    subscription_id   TEXT PRIMARY KEY,
    user              TEXT NOT NULL,
    endpoint          BLOB NOT NULL UNIQUE,  -- SHA-256: one browser is subscribed once
    device            BLOB NOT NULL,         -- sealed: endpoint and keys
    label             TEXT NOT NULL,
    kinds             TEXT NOT NULL,         -- JSON
    private           INTEGER NOT NULL,
    viewer_id         TEXT,
    created_at        INTEGER NOT NULL,      -- milliseconds since 1970
    last_delivered_at INTEGER,
    last_error        TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX push_subscriptions_of_user ON push_subscriptions (user);
