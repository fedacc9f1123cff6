-- Installed plugins: what replicas find in force, besides what their own binaries bring along.
CREATE TABLE plugins (
    -- `sha256:<hex>` of the component.
    digest TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    summary TEXT NOT NULL,
    -- Where it was installed from.
    source TEXT NOT NULL,
    -- The name of the key that has signed it; null: none has.
    signer TEXT,
    component BLOB NOT NULL,
    installed_at INTEGER NOT NULL
);
CREATE INDEX plugins_name ON plugins (name);

-- What the operator has decided about plugins, by name: those that the host brings along included.
CREATE TABLE plugin_names (
    -- Who came first is asked first.
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    enabled INTEGER NOT NULL DEFAULT 1,
    -- Which of the installed components is in force; null: the one that the host brings along.
    digest TEXT REFERENCES plugins (digest),
    -- JSON: bounds that differ from the host's.
    limits TEXT NOT NULL DEFAULT '{}'
);

-- Which plugin is asked first for an extension that several take.
CREATE TABLE plugin_picks (
    extension TEXT PRIMARY KEY,
    plugin TEXT NOT NULL
);

-- Counts the changes of the three tables.
INSERT INTO counters (name) VALUES ('plugins');
