-- Who may do what in a realm; the user `*` is everyone. That someone owns a realm is said here and nowhere else, and so
-- is that everyone may read it.
CREATE TABLE realm_permissions (
    realm_id INTEGER NOT NULL REFERENCES realms (id),
    username TEXT NOT NULL CHECK (username <> ''),
    may_read BOOLEAN NOT NULL,
    may_write BOOLEAN NOT NULL,
    realm_owner BOOLEAN NOT NULL,
    PRIMARY KEY (realm_id, username)
);
INSERT INTO realm_permissions (realm_id, username, may_read, may_write, realm_owner)
    SELECT id, '*', TRUE, FALSE, FALSE FROM realms WHERE public_readable AND deleted_at IS NULL;
ALTER TABLE realms DROP COLUMN public_readable;
ALTER TABLE realms DROP COLUMN owner;
CREATE INDEX realms_source ON realms (source_realm_id) WHERE source_realm_id IS NOT NULL;

-- One row for each lifecycle operation and permission change, of the same transaction.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at INTEGER NOT NULL,
    -- The user; null: nobody was asked who they are.
    actor TEXT,
    operation TEXT NOT NULL,
    realm_id INTEGER NOT NULL REFERENCES realms (id),
    url TEXT NOT NULL,
    generation INTEGER NOT NULL,
    -- JSON.
    detail TEXT NOT NULL
);
CREATE INDEX audit_realm ON audit (realm_id, id);

-- What a prerenderer found a module to define.
CREATE TABLE definitions (
    realm_id INTEGER NOT NULL REFERENCES realms (id),
    path TEXT NOT NULL,
    document TEXT NOT NULL,
    reads TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (realm_id, path)
);
