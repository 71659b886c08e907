"""``meshmigrate adopt``: Supabase's history is taken over, edits are found, and nothing is run."""

from concurrent.futures import ThreadPoolExecutor

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from tests.postgres.harness import Database, Project, attempt, make_spec
from tests.postgres.supabase import FIRST, SECOND, TABLE, add, adopt, migrated_by_supabase, state


def test_the_table_s_versions_are_adopted_and_never_run(
    database: Database, project: Project
) -> None:
    """Apply goes on with what the table does not have; the table stays as it is."""
    migrated_by_supabase(database, project)
    before = database.dump()
    done = adopt(database, project).result
    assert done.outcome is Outcome.SUCCEEDED, done
    assert done.message == "adopted 2 versions without running: 20260101000001, 20260101000002"
    assert (done.current_version, done.pending_count) == ("20260101000002", 1)
    assert database.dump() == before
    assert attempt(database, make_spec(project)).result.applied.count == 1
    assert database.query("SELECT id FROM events") == [(2,)]
    rows = database.query("SELECT version, how FROM meshmigrate.applied ORDER BY ordinal")
    assert [how for _, how in rows] == ["adopted", "adopted", "applied"]
    assert database.log[1:3] == [("Adopted", "20260101000001"), ("Adopted", "20260101000002")]


def test_a_dry_run_says_it_and_leaves_no_trace(database: Database, project: Project) -> None:
    """Not even a ledger or a row in the log, whether it would be adopted or refused."""
    migrated_by_supabase(database, project)
    before = database.dump()
    done = adopt(database, project, dry_run=True).result
    assert (done.outcome, done.current_version) == (Outcome.SUCCEEDED, "")
    assert done.message.startswith("dry run, nothing is changed: would have adopted 2 versions")
    assert not database.has_ledger
    adopt(database, project)
    log = database.log
    add(database, "20260101000009", [])
    assert adopt(database, project, dry_run=True).result.reason == Reason.MISSING_FILE
    assert database.log == log
    database.query("DELETE FROM supabase_migrations.schema_migrations WHERE version LIKE '%9'")
    assert adopt(database, project, dry_run=True).outcome is Outcome.UP_TO_DATE
    assert (database.dump(), database.log) == (before, log)


def test_repeated_it_adopts_what_has_been_added(database: Database, project: Project) -> None:
    """Nothing at first; then the version that somebody applied the old way."""
    migrated_by_supabase(database, project)
    adopt(database, project)
    assert adopt(database, project).outcome is Outcome.UP_TO_DATE
    database.query("CREATE TABLE third (x int)")
    add(database, "20260101000003", ["CREATE TABLE third (x int)"])
    assert adopt(database, project).result.message.endswith("running: 20260101000003")
    assert attempt(database, make_spec(project)).outcome is Outcome.UP_TO_DATE


def test_edited_files_are_found_and_all_of_them_named(database: Database, project: Project) -> None:
    """Qualified names are another text; the command that accepts both is in the hint."""
    migrated_by_supabase(database, project)
    project.migration("20260101000001", FIRST.replace("INTO events", "INTO public.events"))
    project.migration("20260101000002", SECOND.replace("-- dynamic", "-- edited in the body"))
    before = state(database)
    done = adopt(database, project).result
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.CHECKSUM_MISMATCH)
    assert "20260101000001, 20260101000002" in done.message
    assert done.failure is not None
    options = "--accept 20260101000001 --accept 20260101000002"
    assert f"`meshmigrate adopt {options}`" in done.failure.hint
    assert state(database) == before
    assert not database.has_ledger


def test_accepted_versions_are_adopted_with_their_files_as_they_are(
    database: Database, project: Project
) -> None:
    """The log says who accepted which; one that is left out keeps the whole from happening."""
    migrated_by_supabase(database, project)
    project.migration("20260101000001", FIRST.replace("INTO events", "INTO public.events"))
    project.migration("20260101000002", "\\broken 'file")
    refused = adopt(database, project, "20260101000001").result
    assert refused.message.endswith("now: 20260101000002")
    accepted = ("20260101000001", "20260101000002")
    assert adopt(database, project, *accepted).outcome is Outcome.SUCCEEDED
    assert adopt(database, project, *accepted).outcome is Outcome.UP_TO_DATE
    messages = database.query("SELECT message FROM meshmigrate.log WHERE event = 'Adopted'")
    assert messages == [("the file differs from what was run; accepted by ada",)] * 2
    assert attempt(database, make_spec(project)).result.applied.count == 1


def test_a_version_without_a_file_is_refused_by_name(database: Database, project: Project) -> None:
    """Also one that no file could have."""
    migrated_by_supabase(database, project)
    add(database, "20250101000000", ["SELECT 1"])
    add(database, "hotfix", ["SELECT 1"])
    before = state(database)
    done = adopt(database, project).result
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.MISSING_FILE)
    assert done.message.endswith(": 20250101000000, hotfix")
    assert state(database) == before


def test_a_version_without_statements_cannot_be_compared(
    database: Database, project: Project
) -> None:
    """Said so, and adopted only when it is accepted; an early table has no such column at all."""
    migrated_by_supabase(database, project)
    database.query("ALTER TABLE supabase_migrations.schema_migrations DROP COLUMN statements")
    done = adopt(database, project).result
    assert done.reason == Reason.CHECKSUM_MISMATCH
    assert done.message.count("(no statements stored)") == 2
    assert adopt(database, project, "20260101000001", "20260101000002").result.outcome is (
        Outcome.SUCCEEDED
    )


def test_accepting_what_the_table_does_not_have_is_refused(
    database: Database, project: Project
) -> None:
    """A typing mistake is not an acceptance."""
    migrated_by_supabase(database, project)
    done = adopt(database, project, "20260101000003").result
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.NOT_APPLIED)
    assert not database.has_ledger


def test_without_the_table_or_its_rows_there_is_nothing_to_adopt(
    database: Database, project: Project
) -> None:
    """Refused, and the other command is named."""
    project.migration("1", FIRST)
    for prepare in ("SELECT 1", TABLE):
        database.query(prepare)
        done = adopt(database, project).result
        assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.NOTHING_TO_ADOPT)
        assert done.failure is not None
        assert "meshmigrate baseline" in done.failure.hint
    assert not database.has_ledger


def test_a_table_that_may_not_be_read_is_refused(database: Database, project: Project) -> None:
    """PermissionDenied, not taken for an empty one."""
    migrated_by_supabase(database, project)
    for what in ("TABLE supabase_migrations.schema_migrations", "SCHEMA supabase_migrations"):
        database.query(f"ALTER {what} OWNER TO postgres", superuser=True)
        done = adopt(database, project).result
        assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.PERMISSION_DENIED)


def test_two_at_once_adopt_once(database: Database, project: Project) -> None:
    """The others wait for the lock and find nothing to do."""
    migrated_by_supabase(database, project)
    with ThreadPoolExecutor() as pool:
        running = [pool.submit(adopt, database, project) for _ in range(4)]
    outcomes = sorted(done.result().outcome for done in running)
    assert outcomes == [Outcome.SUCCEEDED] + [Outcome.UP_TO_DATE] * 3
    assert [event for event, _ in database.log].count("Adopted") == 2
