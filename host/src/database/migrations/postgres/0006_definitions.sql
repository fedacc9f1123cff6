-- What modules define, or why that cannot be said. Believed only while everything that it was made from is as it was; see
-- `host/src/definitions/mod.rs`.
DROP TABLE definitions;
CREATE TABLE definitions (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    realm_id BIGINT NOT NULL REFERENCES realms (id),
    path TEXT COLLATE "C" NOT NULL,
    -- Names the plugins of the host that made it: a host that has others neither believes nor replaces it.
    plugins TEXT NOT NULL,
    -- Where the module was then: a realm may move to another URL.
    url TEXT NOT NULL,
    -- What names the state that it was made from.
    tag TEXT NOT NULL,
    -- JSON: definitions, or what is wrong.
    document TEXT NOT NULL,
    -- Since when something has been wrong, by the database's clock, in milliseconds since 1970; null: nothing is.
    failed_at BIGINT,
    -- The registry's generation at which the URLs of other realms lay where they were read; null: none was.
    registry BIGINT,
    created_at BIGINT NOT NULL,
    UNIQUE (realm_id, path, plugins)
);
CREATE INDEX definitions_age ON definitions (created_at);

-- The realms that it was made from, each with a generation at which all that was read there was as it was read.
CREATE TABLE definition_realms (
    definition_id BIGINT NOT NULL REFERENCES definitions (id) ON DELETE CASCADE,
    realm_id BIGINT NOT NULL REFERENCES realms (id),
    holds_at BIGINT NOT NULL,
    PRIMARY KEY (definition_id, realm_id)
);

-- What it was made from, absent files included: the URL that was asked for, and where that lay. No place: in no realm.
CREATE TABLE definition_reads (
    definition_id BIGINT NOT NULL REFERENCES definitions (id) ON DELETE CASCADE,
    url TEXT NOT NULL,
    realm_id BIGINT REFERENCES realms (id),
    path TEXT COLLATE "C"
);
CREATE INDEX definition_reads_definition ON definition_reads (definition_id);
CREATE INDEX definition_reads_place ON definition_reads (realm_id, path);

-- Counts the clears: what was begun before one is not stored after it.
INSERT INTO counters (name) VALUES ('definitions');
