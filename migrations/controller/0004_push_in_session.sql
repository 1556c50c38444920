-- A browser is pushed to for as long as the session that it was subscribed in. Of those that there are nobody knows which it was.

DELETE FROM push_subscriptions;

ALTER TABLE push_subscriptions ADD COLUMN session_hash BLOB REFERENCES sessions (hash) ON DELETE CASCADE;

CREATE INDEX push_subscriptions_of_session ON push_subscriptions (session_hash);
