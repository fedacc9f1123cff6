-- Who vouches for an installed plugin. Every replica judges the signature by its own keys.
-- The text of a `.minisig` file; null: it came without one.
ALTER TABLE plugins ADD COLUMN signature TEXT;
-- Whether it was installed for its digest.
ALTER TABLE plugins ADD COLUMN pinned BOOLEAN NOT NULL DEFAULT FALSE;
