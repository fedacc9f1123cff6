-- The host processes of the cluster, as each has last said of itself. Rows of those that have gone are taken away by age.
CREATE TABLE replicas (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    version TEXT NOT NULL,
    -- By the database's clock, in milliseconds since 1970.
    started_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    -- JSON: the checks of /_ready.
    checks TEXT NOT NULL
);
