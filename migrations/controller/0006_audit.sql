-- Who came, and who changed what. Entries are added and never changed; the oldest go when there are too many.

CREATE TABLE audit (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    time          INTEGER NOT NULL,          -- milliseconds since 1970
    shelf         INTEGER NOT NULL,          -- what is kept together: 0 refusals, 1 visits, 2 changes
    user          TEXT,
    token_id      TEXT,
    address       TEXT,
    connection_id TEXT,
    action        TEXT NOT NULL,
    target        TEXT,
    outcome       TEXT NOT NULL
) STRICT;

CREATE INDEX audit_by_shelf ON audit (shelf, id);

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'entries of the audit log are not changed');
END;
