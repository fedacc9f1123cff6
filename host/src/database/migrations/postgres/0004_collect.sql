-- When the collector first saw the blob without a reference, by the database's clock, in milliseconds since 1970; null: it
-- is referenced, or was not looked at yet.
ALTER TABLE blobs ADD COLUMN orphaned_at BIGINT;
CREATE INDEX blobs_orphaned ON blobs (orphaned_at) WHERE orphaned_at IS NOT NULL;

-- Whoever looks for what refers to a tree or a blob, the foreign keys included, looks here too.
CREATE INDEX realms_tree ON realms (tree_id);
CREATE INDEX realms_settings ON realms (settings);
