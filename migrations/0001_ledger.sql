-- The ledger: what is applied, who did it, and how it went.
-- Unqualified names: the engine runs this file with the search path set to the ledger's schema.

CREATE TABLE meta (
    id smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    ledger_version integer NOT NULL,
    upgraded_at timestamptz NOT NULL
);
COMMENT ON TABLE meta IS 'One row: the version of this ledger''s own schema.';
COMMENT ON COLUMN meta.id IS 'Always 1.';
COMMENT ON COLUMN meta.ledger_version IS 'Number of the last ledger migration; a tool that knows only lower numbers refuses to run.';
COMMENT ON COLUMN meta.upgraded_at IS 'When that ledger migration ran.';

CREATE TABLE fingerprint (
    digest text PRIMARY KEY CHECK (digest LIKE 'sha256:%'),
    sections jsonb NOT NULL,
    objects bytea NOT NULL,
    taken_at timestamptz NOT NULL
);
COMMENT ON TABLE fingerprint IS 'Snapshots of the catalog, stored once per content, so that a difference can be explained after a crash.';
COMMENT ON COLUMN fingerprint.digest IS 'SHA-256 over all sections.';
COMMENT ON COLUMN fingerprint.sections IS 'Section name to the SHA-256 of its objects.';
COMMENT ON COLUMN fingerprint.objects IS 'Section, object and definition as zlib-compressed JSON.';
COMMENT ON COLUMN fingerprint.taken_at IS 'When this content was first seen.';

CREATE TABLE run (
    id uuid PRIMARY KEY,
    attempt integer NOT NULL CHECK (attempt > 0),
    intent text NOT NULL CHECK (intent IN ('apply', 'undo')),
    plan_digest text,
    transaction_mode text CHECK (transaction_mode IN ('PerFile', 'Batch')),
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    outcome text,
    reason text,
    failure json,
    result json,
    actor text,
    commit text,
    ref text,
    run_url text,
    resource text,
    fingerprint_before text REFERENCES fingerprint (digest),
    fingerprint_after text REFERENCES fingerprint (digest),
    wal_position pg_lsn,
    CHECK ((finished_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX run_unfinished ON run (started_at) WHERE finished_at IS NULL;
COMMENT ON TABLE run IS 'One row per run; a run may need several attempts and ends once.';
COMMENT ON COLUMN run.id IS 'The same for every attempt of the run.';
COMMENT ON COLUMN run.attempt IS 'The last attempt that held the lock.';
COMMENT ON COLUMN run.intent IS 'apply: on its way forward; undo: on its way back, whoever continues it must finish that.';
COMMENT ON COLUMN run.plan_digest IS 'What the run as a whole does: versions and checksums.';
COMMENT ON COLUMN run.transaction_mode IS 'PerFile: a transaction per file; Batch: one for the whole run.';
COMMENT ON COLUMN run.started_at IS 'When the first attempt held the lock.';
COMMENT ON COLUMN run.finished_at IS 'When it ended for good; NULL while another attempt may come.';
COMMENT ON COLUMN run.outcome IS 'How it ended.';
COMMENT ON COLUMN run.reason IS 'Why, in one word.';
COMMENT ON COLUMN run.failure IS 'What made it turn back, kept while it does.';
COMMENT ON COLUMN run.result IS 'The result as it was given out; whoever asks for this run again gets it again.';
COMMENT ON COLUMN run.actor IS 'Who asked for it, as CI or the command line said.';
COMMENT ON COLUMN run.commit IS 'The commit the files come from.';
COMMENT ON COLUMN run.ref IS 'The branch or tag.';
COMMENT ON COLUMN run.run_url IS 'Where the CI run can be seen.';
COMMENT ON COLUMN run.resource IS 'namespace/name of the DatabaseMigration, if one asked.';
COMMENT ON COLUMN run.fingerprint_before IS 'The schema before the first statement; a rollback must arrive there.';
COMMENT ON COLUMN run.fingerprint_after IS 'The schema when the run ended.';
COMMENT ON COLUMN run.wal_position IS 'The write-ahead log position before the first statement, for a point-in-time recovery.';

CREATE TABLE script (
    checksum text NOT NULL CHECK (checksum LIKE 'sha256:%'),
    kind text NOT NULL CHECK (kind IN ('migration', 'rollback')),
    text text NOT NULL,
    PRIMARY KEY (checksum, kind)
);
COMMENT ON TABLE script IS 'The scripts themselves, so that a lost source can still be rolled back.';
COMMENT ON COLUMN script.checksum IS 'SHA-256 of the text.';
COMMENT ON COLUMN script.kind IS 'migration (kept up to 1 MiB) or rollback (always kept).';
COMMENT ON COLUMN script.text IS 'The file with LF line ends and without a byte order mark.';

CREATE TABLE applied (
    version text PRIMARY KEY CHECK (version ~ '^[0-9]+$'),
    ordinal bigint NOT NULL UNIQUE,
    name text NOT NULL,
    checksum text NOT NULL CHECK (checksum LIKE 'sha256:%'),
    rollback_checksum text CHECK (rollback_checksum LIKE 'sha256:%'),
    applied_at timestamptz NOT NULL,
    duration interval NOT NULL,
    run_id uuid NOT NULL REFERENCES run (id),
    how text NOT NULL CHECK (how IN ('applied', 'baseline', 'adopted'))
);
CREATE UNIQUE INDEX applied_number ON applied ((version::numeric));
COMMENT ON TABLE applied IS 'The history: the versions this database has. A row and what it stands for commit together.';
COMMENT ON COLUMN applied.version IS 'The digits of the file name.';
COMMENT ON COLUMN applied.ordinal IS 'The order in which versions were applied; going back is in reverse.';
COMMENT ON COLUMN applied.name IS 'The file name after the digits.';
COMMENT ON COLUMN applied.checksum IS 'SHA-256 of the file with LF line ends and without a byte order mark.';
COMMENT ON COLUMN applied.rollback_checksum IS 'The rollback script that belonged to it, kept in script.';
COMMENT ON COLUMN applied.applied_at IS 'When its transaction ended, by the server''s clock.';
COMMENT ON COLUMN applied.duration IS 'How long the file took.';
COMMENT ON COLUMN applied.run_id IS 'The run that did it.';
COMMENT ON COLUMN applied.how IS 'applied: the file was run; baseline or adopted: it was declared present.';

CREATE TABLE step (
    run_id uuid NOT NULL REFERENCES run (id),
    version text NOT NULL,
    direction text NOT NULL CHECK (direction IN ('up', 'down')),
    ordinal integer NOT NULL CHECK (ordinal > 0),
    checksum text NOT NULL,
    state text NOT NULL CHECK (state IN ('running', 'done')),
    object text,
    absent_before boolean,
    connections_lost integer NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    PRIMARY KEY (run_id, version, direction, ordinal)
);
COMMENT ON TABLE step IS 'The journal of statements that cannot run inside a transaction.';
COMMENT ON COLUMN step.run_id IS 'The run that does it.';
COMMENT ON COLUMN step.version IS 'The version whose file it belongs to.';
COMMENT ON COLUMN step.direction IS 'up: the migration; down: its rollback script.';
COMMENT ON COLUMN step.ordinal IS 'The statement''s place in the file, from 1.';
COMMENT ON COLUMN step.checksum IS 'Checksum of the file.';
COMMENT ON COLUMN step.state IS 'running: begun, its effect must be looked up after a crash; done: verified.';
COMMENT ON COLUMN step.object IS 'The object to look up.';
COMMENT ON COLUMN step.absent_before IS 'Whether that object was absent when the step began.';
COMMENT ON COLUMN step.connections_lost IS 'How often the connection was lost while it ran.';
COMMENT ON COLUMN step.started_at IS 'When it began.';
COMMENT ON COLUMN step.finished_at IS 'When its effect was verified.';

CREATE TABLE lease (
    id smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    epoch bigint NOT NULL,
    holder uuid,
    run_id uuid,
    backend_pid integer,
    backend_start timestamptz,
    acquired_at timestamptz
);
INSERT INTO lease (epoch) VALUES (0);
COMMENT ON TABLE lease IS 'One row: who may write. Every write transaction compares epoch and holder first.';
COMMENT ON COLUMN lease.id IS 'Always 1.';
COMMENT ON COLUMN lease.epoch IS 'Grows by one with every holder of the lock.';
COMMENT ON COLUMN lease.holder IS 'A random token of the holder; NULL when it gave the lock back.';
COMMENT ON COLUMN lease.run_id IS 'The run it works for.';
COMMENT ON COLUMN lease.backend_pid IS 'Its server process.';
COMMENT ON COLUMN lease.backend_start IS 'When that server process started: pids come round again.';
COMMENT ON COLUMN lease.acquired_at IS 'When it got the lock.';

CREATE TABLE log (
    id bigint PRIMARY KEY,
    at timestamptz NOT NULL,
    run_id uuid,
    attempt integer,
    version text,
    script text,
    event text NOT NULL,
    duration interval,
    outcome text,
    error_code text,
    message text,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL
);
CREATE INDEX log_run ON log (run_id);
COMMENT ON TABLE log IS 'The migration log: every attempt and what it did, append-only, each row chained to the one before.';
COMMENT ON COLUMN log.id IS 'Without gaps, from 1.';
COMMENT ON COLUMN log.at IS 'By the server''s clock.';
COMMENT ON COLUMN log.run_id IS 'The run it belongs to.';
COMMENT ON COLUMN log.attempt IS 'The attempt of that run.';
COMMENT ON COLUMN log.version IS 'The version it is about.';
COMMENT ON COLUMN log.script IS 'The script it is about.';
COMMENT ON COLUMN log.event IS 'What happened, in one word.';
COMMENT ON COLUMN log.duration IS 'How long it took.';
COMMENT ON COLUMN log.outcome IS 'How it ended.';
COMMENT ON COLUMN log.error_code IS 'SQLSTATE, or the reason where the server gave none.';
COMMENT ON COLUMN log.message IS 'What a person needs to know; no row values, no secrets.';
COMMENT ON COLUMN log.previous_hash IS 'The hash of the row before; empty for the first.';
COMMENT ON COLUMN log.hash IS 'SHA-256 over previous_hash and the other columns.';

CREATE TABLE log_head (
    id smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    last_id bigint NOT NULL,
    hash bytea NOT NULL
);
INSERT INTO log_head (last_id, hash) VALUES (0, '');
COMMENT ON TABLE log_head IS 'One row: the end of the chain; a writer locks it.';
COMMENT ON COLUMN log_head.id IS 'Always 1.';
COMMENT ON COLUMN log_head.last_id IS 'The last row of log.';
COMMENT ON COLUMN log_head.hash IS 'Its hash.';

CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
BEGIN
    RAISE EXCEPTION 'the migration log is append-only: % is refused', lower(TG_OP)
        USING ERRCODE = 'insufficient_privilege';
END
$$;
REVOKE ALL ON FUNCTION refuse_change() FROM PUBLIC;
COMMENT ON FUNCTION refuse_change() IS 'Keeps log append-only.';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
