-- What the index knows of each file of a realm: the last good state of it, and what is wrong with it now.
CREATE TABLE index_entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    realm_id INTEGER NOT NULL REFERENCES realms (id),
    path TEXT NOT NULL,
    -- `card`: a document that has types; `file`: any other.
    kind TEXT NOT NULL CHECK (kind IN ('card', 'file')),
    -- The realm's generation at which this was found to be so.
    generation INTEGER NOT NULL,
    -- What names the state that was seen last: the file, its plugin and everything read. A visit that comes to the same
    -- one changes nothing.
    tag TEXT NOT NULL,
    -- The digest of the plugin that rendered it; null: none takes it.
    plugin TEXT,
    title TEXT,
    -- A list of names, the document's own type first.
    types TEXT NOT NULL,
    search_document TEXT NOT NULL,
    -- The words of a full-text search, as `host/src/index/words.rs` writes them.
    words TEXT NOT NULL,
    -- When the file last changed, in milliseconds since 1970.
    modified_at INTEGER NOT NULL,
    -- JSON: what is wrong; everything above but generation and tag, and the renderings, are of before. Null: nothing is.
    error TEXT,
    indexed_at INTEGER NOT NULL,
    UNIQUE (realm_id, path)
);
-- What a word is has been decided already: `ascii` takes every other letter as it is.
CREATE VIRTUAL TABLE index_words USING fts5 (words, content = 'index_entries', content_rowid = 'id', tokenize = 'ascii', detail = none);
CREATE TRIGGER index_entries_insert AFTER INSERT ON index_entries BEGIN
    INSERT INTO index_words (rowid, words) VALUES (new.id, new.words);
END;
CREATE TRIGGER index_entries_delete AFTER DELETE ON index_entries BEGIN
    INSERT INTO index_words (index_words, rowid, words) VALUES ('delete', old.id, old.words);
END;
CREATE TRIGGER index_entries_update AFTER UPDATE OF words ON index_entries BEGIN
    INSERT INTO index_words (index_words, rowid, words) VALUES ('delete', old.id, old.words);
    INSERT INTO index_words (rowid, words) VALUES (new.id, new.words);
END;

-- A document's HTML.
CREATE TABLE index_renderings (
    entry_id INTEGER NOT NULL REFERENCES index_entries (id) ON DELETE CASCADE,
    format TEXT NOT NULL,
    -- Which of its types it is rendered as; empty: its own.
    as_type TEXT NOT NULL,
    blob BLOB NOT NULL REFERENCES blobs (hash),
    PRIMARY KEY (entry_id, format, as_type)
);
CREATE INDEX index_renderings_blob ON index_renderings (blob);

-- What an entry was made from, by URL as it was asked for, so that what changes at a URL finds whoever has looked there:
-- what was absent, and what lay in no realm, included.
CREATE TABLE index_reads (
    entry_id INTEGER NOT NULL REFERENCES index_entries (id) ON DELETE CASCADE,
    url TEXT NOT NULL,
    PRIMARY KEY (entry_id, url)
);
CREATE INDEX index_reads_url ON index_reads (url);

-- How far the changes of a realm have been turned into visits.
CREATE TABLE index_cursors (
    realm_id INTEGER PRIMARY KEY REFERENCES realms (id),
    generation INTEGER NOT NULL,
    -- The set of plugins that the realm was last visited with from end to end: a worker that has others visits everything
    -- again as it starts. Empty: several sets have worked on it since.
    plugins TEXT NOT NULL
);

-- Files to be looked at again. A visit that is wanted anew while it is made has another number.
CREATE TABLE index_visits (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    realm_id INTEGER NOT NULL REFERENCES realms (id),
    path TEXT NOT NULL,
    priority INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    -- By the database's clock, in milliseconds since 1970.
    not_before INTEGER NOT NULL DEFAULT 0,
    UNIQUE (realm_id, path)
);
CREATE INDEX index_visits_order ON index_visits (realm_id, priority DESC, number);

-- Wake-ups: one per realm and lane, so that no realm's lane is ever worked on by two. The truth about what is to be done is
-- in the cursors and the visits.
CREATE TABLE jobs (
    lane TEXT NOT NULL CHECK (lane IN ('index', 'render')),
    realm_id INTEGER NOT NULL REFERENCES realms (id),
    -- Counts the wishes: a job that was wished for while it ran runs again.
    wanted INTEGER NOT NULL DEFAULT 1,
    priority INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    -- Times are the database's, in milliseconds since 1970.
    not_before INTEGER NOT NULL DEFAULT 0,
    -- The replica that works on it, until when unless it says otherwise.
    worker TEXT,
    leased_until INTEGER NOT NULL DEFAULT 0,
    -- When it was first wished for: a worker with other plugins than the realm was visited with leaves it to others for a
    -- while.
    since INTEGER NOT NULL,
    -- What the last attempt failed of.
    error TEXT,
    PRIMARY KEY (lane, realm_id)
);
