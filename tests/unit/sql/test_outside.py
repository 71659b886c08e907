"""What runs outside transactions says what to look up afterwards."""

import pytest

from meshmigrate.domain.script import Action, Outside, Script, ScriptKind, SharedCatalog
from meshmigrate.source.directives import make_script
from meshmigrate.sql.prepare import prepare


def shared(action: Action, catalog: SharedCatalog) -> Outside:
    """Give what happens to the object ``d`` of a catalog of the whole server."""
    return Outside(action, ("d",), catalog=catalog)


@pytest.mark.parametrize(
    ("text", "effect"),
    [
        (
            "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON s.t (a) WHERE t.a > 1",
            Outside(
                Action.CREATE_INDEX,
                ("i",),
                ("s", "t"),
                tolerant=True,
                definition="CREATE UNIQUE INDEX i ON pg_temp.t USING btree (a) WHERE t.a > 1",
            ),
        ),
        ("DROP INDEX CONCURRENTLY s.i", Outside(Action.DROP_INDEX, ("s", "i"))),
        (
            "DROP INDEX CONCURRENTLY IF EXISTS i",
            Outside(Action.DROP_INDEX, ("i",), tolerant=True),
        ),
        ("REINDEX INDEX CONCURRENTLY i", Outside(Action.REINDEX_INDEX, ("i",))),
        ("REINDEX (CONCURRENTLY, VERBOSE) TABLE t", Outside(Action.REINDEX_TABLE, ("t",))),
        ("REINDEX (CONCURRENTLY on) TABLE s.t", Outside(Action.REINDEX_TABLE, ("s", "t"))),
        (
            "ALTER TABLE t DETACH PARTITION p CONCURRENTLY",
            Outside(Action.DETACH_PARTITION, ("p",), ("t",)),
        ),
        ("VACUUM", Outside(Action.REPEAT)),
        ("VACUUM (FULL off, ANALYZE) t", Outside(Action.REPEAT)),
        ("VACUUM (FULL, ANALYZE) t", Outside(Action.REPEAT, strong=True)),
        ("VACUUM FULL", Outside(Action.REPEAT, strong=True)),
        ("CLUSTER", Outside(Action.REPEAT, strong=True)),
        ("REINDEX SCHEMA s", Outside(Action.REPEAT, strong=True)),
        ("REINDEX DATABASE", Outside(Action.REPEAT, strong=True)),
        ("REINDEX SYSTEM", Outside(Action.REPEAT, strong=True)),
        ("REINDEX SCHEMA CONCURRENTLY s", Outside(Action.REINDEX_SCHEMA, ("s",))),
        ("REINDEX DATABASE CONCURRENTLY", Outside(Action.REINDEX_DATABASE)),
        ("ALTER DATABASE d SET TABLESPACE x", Outside(Action.REPEAT)),
        ("ALTER SYSTEM SET work_mem = '1MB'", Outside(Action.REPEAT)),
        ("ALTER SYSTEM RESET ALL", Outside(Action.REPEAT)),
        ("ALTER SUBSCRIPTION s REFRESH PUBLICATION", Outside(Action.REPEAT)),
        ("ALTER SUBSCRIPTION s SET PUBLICATION p", Outside(Action.REPEAT)),
        ("CREATE DATABASE d", shared(Action.CREATE_SHARED, SharedCatalog.DATABASE)),
        ("DROP DATABASE d", shared(Action.DROP_SHARED, SharedCatalog.DATABASE)),
        (
            "CREATE TABLESPACE d LOCATION '/x'",
            shared(Action.CREATE_SHARED, SharedCatalog.TABLESPACE),
        ),
        ("DROP TABLESPACE d", shared(Action.DROP_SHARED, SharedCatalog.TABLESPACE)),
        (
            "CREATE SUBSCRIPTION d CONNECTION '' PUBLICATION p",
            shared(Action.CREATE_SHARED, SharedCatalog.SUBSCRIPTION),
        ),
        ("REINDEX TABLE t", None),
        ("ALTER TABLE t DETACH PARTITION p", None),
        ("CREATE INDEX i ON t (a)", None),
        ("DROP INDEX i", None),
        ("ANALYZE", None),
    ],
)
def test_what_must_runs_outside_transactions(text: str, effect: Outside | None) -> None:
    """The statement says what to look up afterwards; all others belong in a transaction."""
    (statement,) = prepare(Script(ScriptKind.MIGRATION, "m/1_x.sql", text))
    assert statement.outside == effect


@pytest.mark.parametrize(
    ("text", "effect"),
    [
        ("CALL p()", Outside(Action.UNKNOWN)),
        ("DO $$ BEGIN COMMIT; END $$", Outside(Action.UNKNOWN)),
        ("DO $$ BEGIN CALL p(); END $$", Outside(Action.UNKNOWN)),
        ("DO LANGUAGE plpython3u 'plpy.commit()'", Outside(Action.UNKNOWN)),
        ("ALTER SUBSCRIPTION s ADD PUBLICATION p", Outside(Action.UNKNOWN)),
        ("ALTER SUBSCRIPTION s SET (failover = true)", Outside(Action.REPEAT)),
        ("REINDEX TABLE t", Outside(Action.REPEAT, strong=True)),
        ("REINDEX INDEX i", Outside(Action.REPEAT, strong=True)),
        ("CLUSTER t USING i", Outside(Action.REPEAT, strong=True)),
        ("DROP SUBSCRIPTION d", shared(Action.DROP_SHARED, SharedCatalog.SUBSCRIPTION)),
        ("CREATE INDEX CONCURRENTLY i ON t (a)", Action.CREATE_INDEX),
        ("DO $$ BEGIN PERFORM 1; END $$", None),
        ("ALTER SUBSCRIPTION s DISABLE", None),
        ("ALTER SUBSCRIPTION s SET PUBLICATION p WITH (refresh = off)", None),
        ("INSERT INTO t VALUES (1)", None),
        ("CREATE TABLE t ()", None),
    ],
)
def test_a_file_without_transactions_runs_outside_what_may_need_it(
    text: str, effect: Outside | Action | None
) -> None:
    """What only the catalog knows to need it, and what nobody can look up."""
    directive = "-- meshmigrate: no-transaction\n"
    (statement,) = prepare(make_script(ScriptKind.MIGRATION, "m/1_x.sql", directive + text))
    found = statement.outside
    assert found == effect or (found is not None and found.action is effect)
