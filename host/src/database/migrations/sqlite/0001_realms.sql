-- Counters of what is shared by all realms: every commit that changes the registry adds one.
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    generation INTEGER NOT NULL DEFAULT 0
);
INSERT INTO counters (name) VALUES ('registry');

-- Bytes, named by their BLAKE3 hash. Text compresses well enough by itself; what is compressed already stays so.
CREATE TABLE blobs (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    size INTEGER NOT NULL,
    bytes BLOB NOT NULL
);

CREATE TABLE trees (
    id INTEGER PRIMARY KEY AUTOINCREMENT
);

-- A row is never removed: delete sets deleted_at, and creating the URL again goes on with its generation.
CREATE TABLE realms (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    url TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('source', 'published', 'bootstrap')),
    owner TEXT,
    source_realm_id INTEGER REFERENCES realms (id),
    tree_id INTEGER NOT NULL REFERENCES trees (id),
    generation INTEGER NOT NULL DEFAULT 0,
    -- The last good realm.json.
    settings BLOB REFERENCES blobs (hash),
    -- The folder that a bootstrap realm follows.
    folder TEXT,
    pinned BOOLEAN NOT NULL DEFAULT FALSE,
    public_readable BOOLEAN NOT NULL DEFAULT TRUE,
    published_at INTEGER,
    archived_at INTEGER,
    deleted_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX realms_folder ON realms (folder) WHERE folder IS NOT NULL;

CREATE TABLE files (
    tree_id INTEGER NOT NULL REFERENCES trees (id),
    path TEXT NOT NULL,
    blob BLOB NOT NULL REFERENCES blobs (hash),
    size INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    PRIMARY KEY (tree_id, path)
);
CREATE INDEX files_blob ON files (blob);

-- The durable truth behind a notification; path null: the whole realm.
CREATE TABLE changes (
    realm_id INTEGER NOT NULL REFERENCES realms (id),
    generation INTEGER NOT NULL,
    path TEXT,
    created_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX changes_key ON changes (realm_id, generation, COALESCE(path, '*'));
CREATE INDEX changes_age ON changes (created_at);

-- The bytes of a bootstrap realm's folder as they were when folder and realm last agreed.
CREATE TABLE folder_files (
    realm_id INTEGER NOT NULL REFERENCES realms (id),
    path TEXT NOT NULL,
    blob BLOB NOT NULL,
    PRIMARY KEY (realm_id, path)
);

-- Outputs of guest calls, keyed by what determined them; several rows of one key differ in what the call read.
CREATE TABLE derivations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key BLOB NOT NULL,
    reads_hash BLOB NOT NULL,
    input BLOB NOT NULL REFERENCES blobs (hash) ON DELETE CASCADE,
    plugin TEXT NOT NULL,
    -- Set when a file of another realm was read: the row then serves that one asking realm alone.
    realm_id INTEGER REFERENCES realms (id),
    reads TEXT NOT NULL,
    outcome TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX derivations_key ON derivations (key, reads_hash, COALESCE(realm_id, 0));
CREATE INDEX derivations_input ON derivations (input);

CREATE TABLE derivation_parts (
    derivation_id INTEGER NOT NULL REFERENCES derivations (id) ON DELETE CASCADE,
    part TEXT NOT NULL,
    media_type TEXT NOT NULL,
    blob BLOB NOT NULL REFERENCES blobs (hash),
    PRIMARY KEY (derivation_id, part)
);
CREATE INDEX derivation_parts_blob ON derivation_parts (blob);
