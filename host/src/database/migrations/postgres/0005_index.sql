-- What the index knows of each file of a realm: the last good state of it, and what is wrong with it now.
CREATE TABLE index_entries (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    realm_id BIGINT NOT NULL REFERENCES realms (id),
    path TEXT COLLATE "C" NOT NULL,
    -- `card`: a document that has types; `file`: any other.
    kind TEXT NOT NULL CHECK (kind IN ('card', 'file')),
    -- The realm's generation at which this was found to be so.
    generation BIGINT NOT NULL,
    -- What names the state that was seen last: the file, its plugin and everything read. A visit that comes to the same
    -- one changes nothing.
    tag TEXT NOT NULL,
    -- The digest of the plugin that rendered it; null: none takes it.
    plugin TEXT,
    title TEXT,
    -- A list of names, the document's own type first.
    types JSONB NOT NULL,
    search_document JSONB NOT NULL,
    -- The words of a full-text search, as `host/src/index/words.rs` writes them.
    words TEXT NOT NULL,
    -- They are taken as they are: what a word is must not depend on the database's locale.
    words_index TSVECTOR GENERATED ALWAYS AS (array_to_tsvector(array_remove(string_to_array(words, ' '), ''))) STORED,
    -- When the file last changed, in milliseconds since 1970.
    modified_at BIGINT NOT NULL,
    -- JSON: what is wrong; everything above but generation and tag, and the renderings, are of before. Null: nothing is.
    error TEXT,
    indexed_at BIGINT NOT NULL,
    UNIQUE (realm_id, path)
);
CREATE INDEX index_entries_types ON index_entries USING GIN (types jsonb_path_ops);
CREATE INDEX index_entries_search ON index_entries USING GIN (search_document jsonb_path_ops);
CREATE INDEX index_entries_words ON index_entries USING GIN (words_index);

-- A document's HTML.
CREATE TABLE index_renderings (
    entry_id BIGINT NOT NULL REFERENCES index_entries (id) ON DELETE CASCADE,
    format TEXT NOT NULL,
    -- Which of its types it is rendered as; empty: its own.
    as_type TEXT NOT NULL,
    blob BYTEA NOT NULL REFERENCES blobs (hash),
    PRIMARY KEY (entry_id, format, as_type)
);
CREATE INDEX index_renderings_blob ON index_renderings (blob);

-- What an entry was made from, by URL as it was asked for, so that what changes at a URL finds whoever has looked there:
-- what was absent, and what lay in no realm, included.
CREATE TABLE index_reads (
    entry_id BIGINT NOT NULL REFERENCES index_entries (id) ON DELETE CASCADE,
    url TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (entry_id, url)
);
CREATE INDEX index_reads_url ON index_reads (url);

-- How far the changes of a realm have been turned into visits.
CREATE TABLE index_cursors (
    realm_id BIGINT PRIMARY KEY REFERENCES realms (id),
    generation BIGINT NOT NULL,
    -- The set of plugins that the realm was last visited with from end to end: a worker that has others visits everything
    -- again as it starts. Empty: several sets have worked on it since.
    plugins TEXT NOT NULL
);

-- Files to be looked at again. A visit that is wanted anew while it is made has another number.
CREATE TABLE index_visits (
    realm_id BIGINT NOT NULL REFERENCES realms (id),
    path TEXT COLLATE "C" NOT NULL,
    number BIGINT GENERATED ALWAYS AS IDENTITY,
    priority BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    -- By the database's clock, in milliseconds since 1970.
    not_before BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (realm_id, path)
);
CREATE INDEX index_visits_order ON index_visits (realm_id, priority DESC, number);

-- Wake-ups: one per realm and lane, so that no realm's lane is ever worked on by two. The truth about what is to be done is
-- in the cursors and the visits.
CREATE TABLE jobs (
    lane TEXT NOT NULL CHECK (lane IN ('index', 'render')),
    realm_id BIGINT NOT NULL REFERENCES realms (id),
    -- Counts the wishes: a job that was wished for while it ran runs again.
    wanted BIGINT NOT NULL DEFAULT 1,
    priority BIGINT NOT NULL DEFAULT 0,
    attempts BIGINT NOT NULL DEFAULT 0,
    -- Times are the database's, in milliseconds since 1970.
    not_before BIGINT NOT NULL DEFAULT 0,
    -- The replica that works on it, until when unless it says otherwise.
    worker TEXT,
    leased_until BIGINT NOT NULL DEFAULT 0,
    -- When it was first wished for: a worker with other plugins than the realm was visited with leaves it to others for a
    -- while.
    since BIGINT NOT NULL,
    -- What the last attempt failed of.
    error TEXT,
    PRIMARY KEY (lane, realm_id)
);
