-- What a live move keeps on the site while it lasts, in Bascule's own schema; nothing is done where it is there.
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS bascule;
-- One row: what is moved, the definitions that are restored after the rows, and the finished copy's evidence.
CREATE TABLE IF NOT EXISTS bascule.move (
    name text PRIMARY KEY, begun_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(), entries jsonb, copied jsonb);
-- What of the base copy is done: written in the very transaction that did it.
CREATE TABLE IF NOT EXISTS bascule.done (
    item text PRIMARY KEY, stream int NOT NULL, seconds float8 NOT NULL,
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp());
-- Either side's definitions at the start, to see what was changed since.
CREATE TABLE IF NOT EXISTS bascule.definitions (
    side text, kind text, name text, definition text NOT NULL, PRIMARY KEY (side, kind, name));
-- The server's own settings while it is tuned for loading; NULL where there was none.
CREATE TABLE IF NOT EXISTS bascule.tuned (name text PRIMARY KEY, former text);
-- Why a person has the copy wait; empty while nobody has.
CREATE TABLE IF NOT EXISTS bascule.paused (why text NOT NULL, at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp());
RESET client_min_messages;
