-- Which pairs of scripts are proven, and whether another tool's history is kept too.
-- Unqualified names: the engine runs this file with the search path set to the ledger's schema.

CREATE TABLE verified (
    checksum text NOT NULL CHECK (checksum LIKE 'sha256:%'),
    rollback_checksum text NOT NULL CHECK (rollback_checksum LIKE 'sha256:%'),
    verified_at timestamptz NOT NULL,
    PRIMARY KEY (checksum, rollback_checksum)
);
COMMENT ON TABLE verified IS 'The pairs of scripts that verify has proven: up, down and up again, on a copy of the schema.';
COMMENT ON COLUMN verified.checksum IS 'Checksum of the migration.';
COMMENT ON COLUMN verified.rollback_checksum IS 'Checksum of its rollback script.';
COMMENT ON COLUMN verified.verified_at IS 'When they were proven last.';

ALTER TABLE meta ADD COLUMN write_back boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN meta.write_back IS 'Whether runs that do not say write into the history of Supabase''s command line too.';
