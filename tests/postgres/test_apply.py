"""Applying: what ends well."""

from uuid import uuid4

from meshmigrate.domain.outcome import Outcome
from tests.postgres.harness import Database, Project, attempt, make_spec


def test_pending_files_are_applied_in_numeric_order(database: Database, project: Project) -> None:
    """Version 10 comes after 9, and each sees what the ones before it made."""
    project.migration("9", "CREATE TABLE a (x int)")
    project.migration("10", "ALTER TABLE a ADD COLUMN y int")
    done = attempt(database, make_spec(project)).result
    assert done.outcome is Outcome.SUCCEEDED
    assert (done.applied.count, done.applied.first, done.applied.last) == (2, "9", "10")
    assert done.current_version == "10"
    assert done.pending_count == 0
    assert database.versions == ["9", "10"]


def test_a_second_run_finds_nothing_to_do_and_leaves_no_trace(
    database: Database, project: Project
) -> None:
    """UpToDate is no attempt: no row in the log, none among the runs."""
    project.migration("1", "CREATE TABLE a (x int)")
    attempt(database, make_spec(project))
    log = database.log
    again = attempt(database, make_spec(project)).result
    assert again.outcome is Outcome.UP_TO_DATE
    assert again.current_version == "1"
    assert database.log == log
    assert database.scalar("SELECT count(*) FROM meshmigrate.run") == 1


def test_a_target_stops_there_and_counts_only_up_to_it(
    database: Database, project: Project
) -> None:
    """Versions above the target stay out, and are not called pending."""
    for version in "123":
        project.migration(version, f"CREATE TABLE t{version} (x int)")
    done = attempt(database, make_spec(project, target="2")).result
    assert (done.current_version, done.pending_count) == ("2", 0)
    assert database.versions == ["1", "2"]
    assert attempt(database, make_spec(project)).result.current_version == "3"


def test_a_finished_run_is_never_executed_again(database: Database, project: Project) -> None:
    """Whoever asks again gets the stored result, byte for byte, even if files were added."""
    project.migration("1", "CREATE TABLE a (x int)")
    spec = make_spec(project, run_id=uuid4())
    first = attempt(database, spec)
    project.migration("2", "CREATE TABLE b (x int)")
    again = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2))
    assert again.encoded == first.encoded
    assert database.versions == ["1"]


def test_a_failed_run_gives_its_stored_result_again(database: Database, project: Project) -> None:
    """A failure is as final as a success: only a new run tries again."""
    project.migration("1", "SELECT 1/0")
    spec = make_spec(project)
    first = attempt(database, spec)
    project.migration("1", "SELECT 1")
    again = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2))
    assert first.outcome is Outcome.FAILED
    assert again.encoded == first.encoded


def test_percent_signs_and_dollar_quotes_reach_the_server_as_written(
    database: Database, project: Project
) -> None:
    """The text of a script is never read as a format, and its bodies are never split."""
    project.migration(
        "1",
        """
        CREATE TABLE a (x text DEFAULT '100%');
        DO $body$ BEGIN
            EXECUTE format('CREATE TABLE %I (x int); ', 'odd name');
        END $body$;
        COMMENT ON TABLE a IS 'it''s 50% ; done' -- no newline at the end
        -- %s""",
    )
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    assert database.scalar('SELECT count(*) FROM "odd name"') == 0
    assert database.scalar("SELECT obj_description('a'::regclass)") == "it's 50% ; done"


def test_a_number_written_otherwise_is_the_same_version(
    database: Database, project: Project
) -> None:
    """Leading zeros are for the eye: the history is compared by number, and nothing is to do."""
    project.migration("1", "SELECT 1").migration("2", "SELECT 2")
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    folder = project.root / "migrations"
    (folder / "1_m.sql").rename(folder / "001_m.sql")
    done = attempt(database, make_spec(project))
    assert (done.outcome, done.result.pending_count) == (Outcome.UP_TO_DATE, 0)


def test_an_empty_file_is_a_version_like_any_other(database: Database, project: Project) -> None:
    """A file of comments only is recorded as applied."""
    project.migration("1", "-- nothing here\n")
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    assert database.versions == ["1"]


def test_the_result_says_where_and_when(database: Database, project: Project) -> None:
    """Name and system identifier of the database, and times from the server's clock."""
    project.migration("1", "SELECT 1")
    done = attempt(database, make_spec(project)).result
    assert done.database is not None
    assert done.database.name == database.name
    assert done.database.system_identifier == database.scalar(
        "SELECT system_identifier::text FROM pg_control_system()"
    )
    assert done.started_at.endswith("Z")
    assert done.finished_at >= done.started_at
    assert done.duration_seconds >= 0


def test_the_result_says_how_long_statements_ran(database: Database, project: Project) -> None:
    """Those in a transaction, those outside of one, those that failed, and the way back."""
    project.migration("1", "SELECT pg_sleep(0.1)", "SELECT pg_sleep(0.1)")
    project.migration("2", "-- meshmigrate: no-transaction\nSELECT pg_sleep(0.1)", "SELECT 1")
    project.migration("3", "SELECT pg_sleep(0.1), 1 / (random() * 0)::int")
    done = attempt(database, make_spec(project))
    assert done.outcome is Outcome.ROLLED_BACK
    assert done.result.duration_seconds > done.result.statement_seconds >= 0.4


def test_provenance_is_stored_with_the_run(database: Database, project: Project) -> None:
    """Who asked, and for which commit, can be read years later."""
    project.migration("1", "SELECT 1")
    attempt(database, make_spec(project))
    assert database.query("SELECT actor, commit FROM meshmigrate.run") == [("ci", "0123abcd")]
