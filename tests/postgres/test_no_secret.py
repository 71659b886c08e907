"""No secret leaves a runner: not by its log, result or termination message, nor by the ledger."""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.runspec import (
    TLS,
    Access,
    Connection,
    LockPolicy,
    RunIdentity,
    RunSpec,
)
from meshmigrate.engine.events import EventName
from tests.postgres.canaries import (
    BACK,
    FAILING,
    MARK,
    REFUSED,
    STORED_ON_PURPOSE,
    SUBSCRIPTIONS,
    TABLE,
    assert_unseen,
    failing_project,
    stored,
    trusted_owner,
)
from tests.postgres.cutting import PER_FILE, cut_off, undoing
from tests.postgres.harness import PASSWORD, Database, Project, eventually, make_spec
from tests.postgres.processes import Runner
from tests.postgres.test_mounted_credentials import PARTS

pytestmark = pytest.mark.one_version  # what meshmigrate shows counts, not what servers say


class Story:
    """A database whose password, schema and rows hold canaries, and runners on it."""

    def __init__(self, folder: Path, database: Database, project: Project) -> None:
        self.folder, self.database, self.project = folder, database, project
        self.seen: dict[str, str] = {}

    def spec(self, **policy: object) -> RunSpec:
        """Give the spec of a run in files of their own."""
        return make_spec(self.project, policy=replace(PER_FILE, **policy))

    def run(
        self,
        spec: RunSpec | None = None,
        *,
        url: str | None = None,
        parts: dict[str, str] | None = None,
        during: Callable[[Runner], None] = lambda _: None,
    ) -> Outcome:
        """Let a runner carry out a spec, and keep all that it shows."""
        spec = spec or self.spec()
        with Runner(self.folder, self.database, spec, url=url, parts=parts) as runner:
            during(runner)
            runner.wait()
            number = len(self.seen) // 2
            self.seen |= {
                f"log {number}": runner.output,
                f"result {number}": runner.encoded.decode(),
            }
            return runner.result.outcome


@pytest.fixture
def story(tmp_path: Path, database: Database, project: Project) -> Iterator[Story]:
    """Give a story; at its end nothing of it has been seen."""
    with trusted_owner(database) as owned:
        story = Story(tmp_path, owned, project)
        yield story
        assert story.seen
        assert_unseen(story.seen, owned)


def succeeded(story: Story) -> Outcome:
    """Apply a file."""
    story.project.migration("1", TABLE, BACK)
    return story.run()


def up_to_date(story: Story) -> Outcome:
    """Find nothing left to do, where somebody has changed a default by hand."""
    succeeded(story)
    story.database.query(f"ALTER TABLE t ALTER note SET DEFAULT '{MARK}-by-hand'")
    return story.run()


def drifted(story: Story) -> Outcome:
    """Find the same, where it is not accepted."""
    up_to_date(story)
    story.project.migration("2", "SELECT 1")
    return story.run(story.spec(drift="Refuse"))


def awaiting_approval(story: Story) -> Outcome:
    """Show the plan."""
    story.project.migration("1", TABLE, BACK)
    return story.run(story.spec(approval="Required"))


def edited(story: Story) -> Outcome:
    """Find another file than the one that was applied."""
    succeeded(story)
    story.project.migration("1", f"{TABLE}; SELECT '{MARK}-edited'", BACK)
    return story.run()


def failed(story: Story) -> Outcome:
    """Fail with the first file."""
    story.project.migration("1", f"{TABLE}; {FAILING['a row that is no number']}", BACK)
    return story.run()


def halted(story: Story) -> Outcome:
    """Fail with the second file where the first is to stay."""
    failing_project(story.project, FAILING["a literal that is no number"])
    return story.run(story.spec(on_failure="Halt"))


def not_taken_back(story: Story) -> Outcome:
    """Fail on the way back as well."""
    failing_project(story.project, FAILING["a row that is no number"])
    story.project.migration("1", TABLE, f"SELECT '{MARK}-back'::int; {BACK}")
    return story.run()


def taken_back_wrongly(story: Story) -> Outcome:
    """Leave other constants on the way back than there were."""
    story.database.query(TABLE)
    story.project.migration(
        "1",
        f"ALTER TABLE t ALTER note SET DEFAULT '{MARK}-forth'",
        f"ALTER TABLE t ALTER note SET DEFAULT '{MARK}-back';"
        f"CREATE VIEW v AS SELECT '{MARK}-view'::text AS x;"
        f"CREATE OR REPLACE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT '{MARK}-else' $$",
    )
    story.project.migration("2", FAILING["a duplicate row"], "SELECT 1")
    return story.run()


def cancelled(story: Story) -> Outcome:
    """Take a run back that died half way."""
    failing_project(story.project, f"SELECT '{MARK}-never'")
    spec = cut_off(story.database, story.project, EventName.APPLYING, "2")
    return story.run(undoing(story.project, spec.run.id))


def interrupted(story: Story) -> Outcome:
    """Stop while a statement runs of which the log has told already."""
    failing_project(story.project, "INSERT INTO t SELECT 3, 'zqxj-slow' FROM pg_sleep(60)")

    def stop(runner: Runner) -> None:
        eventually(lambda: '"running"' in runner.output, "tells of the statement")
        runner.terminate()

    return story.run(during=stop)


def kept_waiting(story: Story) -> Outcome:
    """Find the table taken, by a statement with a constant."""
    succeeded(story)
    story.project.migration("2", f"ALTER TABLE t ALTER note SET DEFAULT '{MARK}-late'")
    with story.database.connect() as other:
        other.execute("BEGIN")
        other.execute("UPDATE t SET note = 'zqxj-other'")
        return story.run(story.spec(lock=LockPolicy(table_lock_deadline_seconds=2.5)))


@pytest.mark.parametrize(
    ("happens", "outcome"),
    [
        (succeeded, Outcome.SUCCEEDED),
        (up_to_date, Outcome.UP_TO_DATE),
        (drifted, Outcome.REFUSED),
        (awaiting_approval, Outcome.AWAITING_APPROVAL),
        (edited, Outcome.REFUSED),
        (failed, Outcome.FAILED),
        (halted, Outcome.HALTED),
        (not_taken_back, Outcome.ROLLBACK_FAILED),
        (taken_back_wrongly, Outcome.ROLLBACK_FAILED),
        (cancelled, Outcome.CANCELLED),
        (interrupted, Outcome.INTERRUPTED),
        (kept_waiting, Outcome.LOCK_TIMEOUT),
    ],
)
def test_however_a_run_ends_it_tells_no_secret(
    story: Story, happens: Callable[[Story], Outcome], outcome: Outcome
) -> None:
    """Of the password, the user, constants of the scripts, rows, and what others do."""
    assert happens(story) is outcome


@pytest.mark.parametrize("statement", FAILING.values(), ids=FAILING)
def test_no_error_of_a_statement_tells_a_value(story: Story, statement: str) -> None:
    """Neither that of a constant nor that of a row; and the run has gone back."""
    failing_project(story.project, statement)
    assert story.run() is Outcome.ROLLED_BACK


def test_no_error_of_copy_tells_a_value(story: Story) -> None:
    """The row that it could not take stands in the server's context."""
    rows = story.database.server.data / f"{story.database.name}.rows"
    rows.write_text(f"{MARK}-copied\tx\n")
    rows.chmod(0o644)
    failing_project(story.project, f"COPY t FROM '{rows}'")
    assert story.run() is Outcome.ROLLED_BACK


@pytest.mark.parametrize("conninfo", SUBSCRIPTIONS.values(), ids=SUBSCRIPTIONS)
def test_no_error_of_a_subscription_tells_its_connection(story: Story, conninfo: str) -> None:
    """Another server, libpq or the resolver repeat parts of it."""
    text = conninfo.replace("%PORT%", str(story.database.server.port))
    name = f"s_{story.database.name}"
    failing_project(story.project, f"CREATE SUBSCRIPTION {name} CONNECTION '{text}' PUBLICATION p")
    assert story.run() is Outcome.ROLLED_BACK


def test_a_subscription_in_the_schema_tells_no_connection(story: Story) -> None:
    """Nor its password, once it is part of what a fingerprint covers."""
    name = f"s_{story.database.name}"
    create = f"CREATE SUBSCRIPTION {name} CONNECTION '{PUBLISHER_ELSEWHERE}' PUBLICATION p"
    story.project.migration(
        "1",
        f"{create} WITH (connect = false, slot_name = NONE)",
        f"ALTER SUBSCRIPTION {name} CONNECTION '{PUBLISHER_ELSEWHERE} application_name={MARK}'",
    )
    story.project.migration("2", "SELECT 1/0", "SELECT 1")
    assert story.run() is Outcome.ROLLBACK_FAILED
    story.database.query(f"DROP SUBSCRIPTION {name}")
    assert MARK not in stored(story.database)["fingerprint", "objects"]


PUBLISHER_ELSEWHERE = f"host={MARK}-host user={MARK}_user password={MARK}-password"


@pytest.mark.parametrize("script", REFUSED.values(), ids=REFUSED)
def test_no_refusal_tells_a_value(story: Story, script: str) -> None:
    """What is not understood is not repeated either."""
    story.project.migration("1", TABLE, BACK).migration("2", script)
    assert story.run() is Outcome.REFUSED


URLS = {
    "a host that is none": f"postgres://app:pw@{MARK}-host.invalid/{MARK}-db",
    "a user who is none": f"postgres://{MARK}_nobody:pw@127.0.0.1:%PORT%/postgres?sslmode=disable",
    "a database that is none": f"postgres://%ROLE%:%PASSWORD%@127.0.0.1:%PORT%/{MARK}_none?sslmode=disable",
    "a parameter that is none": f"postgres://127.0.0.1:%PORT%/x?nosuch={MARK}",
    "a value that is none": f"postgres://127.0.0.1:%PORT%/x?sslmode={MARK}-mode",
    "an option of the session": (
        f"postgres://%ROLE%:%PASSWORD%@127.0.0.1:%PORT%/postgres?sslmode=disable&options=-c%20{MARK}"
    ),
    "a setting of the session": (
        "postgres://%ROLE%:%PASSWORD%@127.0.0.1:%PORT%/postgres?sslmode=disable"
        f"&options=-c%20{MARK}%3D1"
    ),
    "a root certificate": f"postgres://127.0.0.1:%PORT%/x?sslrootcert=/{MARK}-file",
    "a service": f"postgres:///x?service={MARK}-service",
    "a port that is none": f"postgres://127.0.0.1:{MARK}/x",
    "two hosts": f"postgres://u:{MARK}@h@{MARK}-host@x/y",
    "no URL": f"{MARK}-text",
    "a string of keywords": f"host={MARK}-host.invalid password={MARK}-password",
}


@pytest.mark.parametrize("url", URLS.values(), ids=URLS)
def test_no_connection_that_fails_tells_a_part_of_its_url(story: Story, url: str) -> None:
    """Not the host, user, database or a parameter: all of it is what a Secret holds."""
    story.project.migration("1", "SELECT 1")
    known = {
        "%PORT%": str(story.database.server.port),
        "%ROLE%": story.database.role,
        "%PASSWORD%": quote(PASSWORD, safe=""),
    }
    for name, value in known.items():
        url = url.replace(name, value)
    assert story.run(url=url) in {Outcome.UNREACHABLE, Outcome.REFUSED}


@pytest.mark.parametrize("part", PARTS)
def test_no_part_of_a_connection_is_told(story: Story, part: str) -> None:
    """Each of them may be a key of a Secret that is about something else."""
    story.project.migration("1", "SELECT 1")
    parts = {
        "host": "127.0.0.1",
        "port": str(story.database.server.port),
        "dbname": story.database.name,
        "user": story.database.role,
        "password": PASSWORD,
        part: f"{MARK}-{part}.invalid",
    }
    access = Access(connection=Connection(files=PARTS), tls=TLS(mode="disable"))
    spec = replace(story.spec(), database=access)
    assert story.run(spec, parts=parts) in {Outcome.UNREACHABLE, Outcome.REFUSED}


@pytest.mark.parametrize("broken", ["root.crt", "tls.crt", "tls.key"])
def test_no_key_is_told(story: Story, broken: str) -> None:
    """A file of TLS that is none, such as another Secret's content."""
    story.project.migration("1", "SELECT 1")
    text = f"-----BEGIN PRIVATE KEY-----\n{MARK}{MARK}\n-----END PRIVATE KEY-----\n"
    parts = {"url": story.database.url.replace("disable", "verify-ca"), broken: text}
    files = {
        "root_certificate": "root.crt",
        "client_certificate": "tls.crt",
        "client_key": "tls.key",
    }
    tls = TLS(mode="verify-ca", **{name: file for name, file in files.items() if file == broken})
    spec = replace(story.spec(), database=Access(tls=tls))
    assert story.run(spec, parts=parts) in {Outcome.UNREACHABLE, Outcome.REFUSED}


def test_the_ledger_holds_what_it_is_said_to_hold(story: Story) -> None:
    """The exceptions are none for nothing: the scripts, and the definitions of the schema."""
    succeeded(story)
    columns = stored(story.database)
    assert {place for place, text in columns.items() if MARK in text} == STORED_ON_PURPOSE


def test_a_plan_tells_no_constant(story: Story) -> None:
    """Of what it would do."""
    story.project.migration("1", TABLE, BACK)
    run = RunIdentity(id=story.spec().run.id, intent="plan")
    assert story.run(replace(story.spec(), run=run)) is Outcome.SUCCEEDED
