"""What files do to the data that a database has, told before anything runs."""

import pytest

from meshmigrate.domain.data_change import UNNAMED, Place
from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.hazard import Hazard
from meshmigrate.domain.hazard_search import (
    FoundHazard,
    find_hazards,
    places_at_stake,
    refuse_enforced,
)
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import HazardPolicy
from meshmigrate.domain.script import Migration, ScriptKind
from meshmigrate.domain.version import Version
from meshmigrate.domain.way_back import Pending
from meshmigrate.source.directives import make_script
from meshmigrate.sql.prepare import prepare

ABSENT = frozenset({Place("", "fresh"), Place("", "users", "fresh"), Place("fresh", "")})
ATTACHED = "ALTER TABLE fresh ATTACH PARTITION users DEFAULT; DROP TABLE fresh"
RENAMED = "ALTER TABLE users RENAME TO fresh"


def found(
    *files: str, policy: HazardPolicy | None = None, absent: frozenset[Place] = frozenset()
) -> tuple[FoundHazard, ...]:
    """Give what is found in pending files of these texts."""
    pending = []
    for number, text in enumerate(files, 1):
        script = make_script(ScriptKind.MIGRATION, f"{number}.sql", text)
        statements = prepare(script)
        steps = script.location(0) if any(each.outside for each in statements) else None
        migration = Migration(Version(str(number)), "m", script)
        pending.append(Pending(migration, statements, steps_at=steps))
    return find_hazards(pending, policy or HazardPolicy(), absent)


def told(*files: str, absent: frozenset[Place] = frozenset()) -> list[str]:
    """Give the same in words."""
    return [each.what for each in found(*files, absent=absent)]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("DROP TABLE users, s.b", ["table users, dropped", "table s.b, dropped"]),
        ("DROP TABLE IF EXISTS users", ["table users, dropped"]),
        ("ALTER TABLE users DROP a, DROP IF EXISTS b", ["users.a", "users.b"]),
        ("ALTER TYPE place DROP ATTRIBUTE zip CASCADE", ["column place.zip, dropped"]),
        ("DROP SCHEMA s CASCADE", ["what was in schema s"]),
        ("DROP DATABASE d", ["database d, dropped"]),
        ("DROP TYPE mood CASCADE", ["columns of type mood, dropped with it"]),
        ("DROP DOMAIN d CASCADE", ["columns of domain d, dropped with it"]),
        ("DROP COLLATION c CASCADE", ["columns of collation c, dropped with it"]),
        ("DROP EXTENSION vector CASCADE", ["what extension vector kept"]),
        ("DROP OWNED BY app", ["what the role owned, dropped"]),
        ("TRUNCATE users", ["rows of users, truncated"]),
        ("TRUNCATE a CASCADE", ["rows of a, truncated", "rows of tables that reference a"]),
        ("DELETE FROM users", ["rows of users, deleted"]),
        ("DELETE FROM users WHERE id < 7", ["rows of users, deleted"]),
        ("DELETE FROM users WHERE id = 1; DELETE FROM users", ["rows of users, deleted"]),
        ("WITH x AS (DELETE FROM a RETURNING *) TABLE x", ["rows of a, deleted"]),
        ("WITH x AS (DELETE FROM a RETURNING *) INSERT INTO b TABLE x", ["rows of a, deleted"]),
        (
            "CREATE TABLE b AS WITH x AS (DELETE FROM a RETURNING *) TABLE x",
            ["rows of a, deleted"],
        ),
        (
            "WITH x AS (DELETE FROM a RETURNING *) SELECT * INTO b FROM x",
            ["rows of a, deleted"],
        ),
        (
            "MERGE INTO a USING b ON a.x = b.x WHEN MATCHED THEN DELETE",
            ["rows of a, deleted"],
        ),
        ("DO $$ BEGIN DROP TABLE IF EXISTS users; END $$", ["table users, dropped"]),
    ],
)
def test_what_deletes_data_is_found(text: str, what: list[str]) -> None:
    """Each object once a file, in the words of the file."""
    shown = told(text)
    assert len(shown) == len(what)
    assert all(words in line for words, line in zip(what, shown, strict=True))


@pytest.mark.parametrize(
    "text",
    [
        "UPDATE users SET name = 'x'",
        "INSERT INTO users VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 2",
        "ALTER TABLE users ALTER name TYPE varchar(3)",
        "ALTER TABLE users DROP CONSTRAINT c, ALTER a DROP NOT NULL, ALTER b DROP DEFAULT",
        "ALTER TABLE users RENAME TO people",
        "ALTER TABLE users DETACH PARTITION users_1",
        "DROP SCHEMA s",
        "DROP TYPE mood",
        "DROP EXTENSION pg_trgm",
        "DROP VIEW v",
        "DROP MATERIALIZED VIEW v",
        "DROP FOREIGN TABLE f",
        "DROP INDEX i",
        "DROP SEQUENCE s",
        "DROP FUNCTION f",
        "DROP POLICY p ON users",
        "DO $$ BEGIN EXECUTE 'DROP TABLE users'; END $$",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DELETE FROM users'",
    ],
)
def test_what_is_not_certain_or_can_be_had_again_is_none(text: str) -> None:
    """Views, indexes, positions, values that another one takes the place of."""
    assert told(text) == []


@pytest.mark.parametrize(
    "files",
    [
        ("CREATE TABLE a (x int); DELETE FROM a; DROP TABLE a",),
        ("CREATE TABLE a (x int)", "ALTER TABLE a DROP x", "DROP TABLE a"),
        ("ALTER TABLE users ADD a int", "ALTER TABLE users DROP a"),
        ("CREATE TABLE a AS SELECT 1", "TRUNCATE a"),
        ("CREATE TEMP TABLE a (x int); DROP TABLE a",),
        ("CREATE SCHEMA s; CREATE TABLE IF NOT EXISTS s.a (x int)", "DROP SCHEMA s CASCADE"),
        ("CREATE SCHEMA s; CREATE TABLE IF NOT EXISTS s.a (x int)", "DROP TABLE s.a"),
        ("CREATE TABLE a (x int)", "ALTER TABLE a RENAME TO b", "DROP TABLE b"),
        ("CREATE TABLE a (x int)", "ALTER TABLE a RENAME x TO y", "ALTER TABLE a DROP y"),
        ("CREATE TABLE a (x int)", "ALTER TABLE a SET SCHEMA s", "DROP TABLE s.a"),
        ("CREATE SCHEMA s; ALTER SCHEMA s RENAME TO r", "DROP SCHEMA r CASCADE"),
        ("CREATE TYPE mood AS ENUM ('a')", "DROP TYPE mood CASCADE"),
        ("CREATE TABLE p (x int); CREATE TABLE c (x int)", "ALTER TABLE c INHERIT p; DROP TABLE p"),
        ("CREATE TABLE a (x int); ALTER TABLE a RENAME CONSTRAINT b TO c", "DROP TABLE a"),
    ],
)
def test_what_the_run_itself_has_created_does_not_count(files: tuple[str, ...]) -> None:
    """Also under the name that it has later."""
    assert told(*files) == []


@pytest.mark.parametrize(
    "files",
    [
        ("DROP TABLE IF EXISTS fresh; CREATE TABLE fresh (x int)",),
        ("CREATE TABLE IF NOT EXISTS fresh (x int)", "DROP TABLE fresh"),
        ("CREATE TABLE IF NOT EXISTS fresh (x int)", "ALTER TABLE fresh RENAME TO b; DROP TABLE b"),
        ("ALTER TABLE users ADD COLUMN IF NOT EXISTS fresh int", "ALTER TABLE users DROP fresh"),
        ("CREATE SCHEMA IF NOT EXISTS fresh", "DROP SCHEMA fresh CASCADE"),
        ("DO $$ BEGIN CREATE TABLE fresh (x int); DROP TABLE fresh; END $$",),
    ],
)
def test_what_the_database_does_not_have_does_not_count(files: tuple[str, ...]) -> None:
    """Whatever the text leaves open: there is nothing to lose."""
    assert told(*files, absent=ABSENT) == []
    assert len(told(*files)) == 1


@pytest.mark.parametrize(
    "files",
    [
        (RENAMED, "DROP TABLE fresh"),
        (RENAMED, "DROP TABLE public.fresh"),
        (RENAMED, "ALTER TABLE fresh DROP name"),
        (f"SET search_path = app; {RENAMED}", "DROP TABLE fresh"),
        (f"DO $$ BEGIN {RENAMED}; DROP TABLE fresh; END $$",),
        (f"DO $$ BEGIN {RENAMED}; END $$", "DROP TABLE fresh"),
        ("ALTER TABLE users RENAME name TO fresh", "ALTER TABLE users DROP fresh"),
        ("CREATE TABLE b (); DROP TABLE b; ALTER TABLE users RENAME TO b", "DROP TABLE b"),
        ("CREATE SCHEMA fresh; ALTER TABLE users SET SCHEMA fresh", "DROP SCHEMA fresh CASCADE"),
        ("CREATE SCHEMA fresh; ALTER TABLE users SET SCHEMA fresh", "DROP TABLE fresh.users"),
        ("ALTER SCHEMA app RENAME TO fresh", "DROP TABLE fresh.users"),
        ("ALTER SCHEMA app RENAME TO fresh", "DROP SCHEMA fresh CASCADE"),
        (
            "CREATE SCHEMA s; CREATE TABLE s.users (); DROP SCHEMA s CASCADE",
            "ALTER SCHEMA app RENAME TO s; DROP TABLE s.users",
        ),
        ("CREATE TABLE a (x int); ALTER SCHEMA app RENAME TO public", "DROP TABLE a"),
        ("CREATE TABLE a (x int); SET search_path = app; DROP TABLE a",),
        ("CREATE TABLE a (x int); SET ROLE app; DROP TABLE a",),
        ("SELECT set_config('search_path', 'app', true); CREATE TABLE a (x int)", "DROP TABLE a"),
        ("CREATE TEMP TABLE users (); DROP TABLE users; DROP TABLE users",),
        ("CREATE TEMP TABLE users ()", "DROP TABLE users"),
        ("CREATE TEMP TABLE users (); CREATE INDEX CONCURRENTLY i ON a (x); DROP TABLE users",),
        ("CREATE VIEW fresh AS TABLE users; DELETE FROM fresh",),
        ("CREATE FOREIGN TABLE fresh () SERVER s; DELETE FROM fresh",),
        ("CREATE TABLE fresh () PARTITION BY LIST (x)", ATTACHED),
        ("CREATE TABLE fresh (); ALTER TABLE users INHERIT fresh; TRUNCATE fresh",),
        ("ALTER TYPE mood RENAME TO fresh; DROP TYPE fresh CASCADE",),
        ("ALTER TYPE mood SET SCHEMA fresh; DROP TYPE fresh.mood CASCADE",),
        ("CREATE TABLE fresh (); TRUNCATE fresh CASCADE",),
    ],
)
def test_data_that_is_found_under_another_name_counts(files: tuple[str, ...]) -> None:
    """Renamed, moved, attached, shown by a view, or hidden by a temporary table until then."""
    assert told(*files, absent=ABSENT)


def test_each_is_known_by_its_place() -> None:
    """Version, file, line and column of the first statement that does it."""
    (one,) = found("SELECT 1", "SELECT 1;\n  DELETE FROM users; DELETE FROM users WHERE x")
    assert (str(one.version), str(one.location), one.statement) == ("2", "2.sql:2:3", "DELETE")
    assert one.hazard is Hazard.DELETES_DATA


ALLOW = "-- meshmigrate: allow DeletesData nobody reads them\nDELETE FROM logs"


@pytest.mark.parametrize(
    ("text", "policy", "answer", "why"),
    [
        ("DROP TABLE a", HazardPolicy(), "Enforced", ""),
        ("DROP TABLE a", HazardPolicy(enforce=()), "NotEnforced", ""),
        ("DROP TABLE a", HazardPolicy(allow=(Hazard.DELETES_DATA,)), "AllowedByPolicy", ""),
        (ALLOW, HazardPolicy(), "AllowedByFile", "nobody reads them"),
        (ALLOW, HazardPolicy(enforce=()), "AllowedByFile", "nobody reads them"),
    ],
)
def test_file_and_policy_say_whether_it_may_be(
    text: str, policy: HazardPolicy, answer: str, why: str
) -> None:
    """The file's reason is the better one."""
    (one,) = found(text, policy=policy)
    assert (one.answer, one.why) == (answer, why)


def test_a_refusal_names_all_of_them_and_both_ways_to_allow_them() -> None:
    """With the line that a file needs, ready to be pasted: it is a directive that is right."""
    these = found("DROP TABLE users", ALLOW, "SELECT 1;\nTRUNCATE a")
    with pytest.raises(Refusal) as refused:
        refuse_enforced(these)
    error = refused.value
    assert (error.reason, str(error.location)) == (Reason.HAZARD_NOT_ALLOWED, "1.sql:1:1")
    assert error.statement == "DROP TABLE"
    assert error.message == (
        "DROP TABLE deletes data (table users, dropped), which is not allowed; "
        "3.sql:2:1: TRUNCATE TABLE deletes data (rows of a, truncated)"
    )
    assert "--allow-hazard DeletesData" in error.hint
    assert "policy.hazards.allow" in error.hint
    line = error.hint.split("`")[1]
    assert found(f"{line}\nDROP TABLE users")[0].answer == "AllowedByFile"


def test_a_refusal_names_ten_and_says_how_many_more() -> None:
    """It stays readable."""
    these = found("; ".join(f"DROP TABLE t{number}" for number in range(13)))
    with pytest.raises(Refusal, match=r"t9, dropped\); and 3 more\. "):
        refuse_enforced(these)


def test_what_is_allowed_or_not_enforced_is_not_refused() -> None:
    """Nor is nothing."""
    refuse_enforced(found("DROP TABLE a", policy=HazardPolicy(enforce=())))
    refuse_enforced(found(ALLOW))
    refuse_enforced(())


def test_what_is_at_stake_is_what_has_to_be_looked_up() -> None:
    """With the names that it had before; not what is overwritten."""

    def at_stake(text: str) -> set[Place]:
        script = make_script(ScriptKind.MIGRATION, "1.sql", text)
        pending = Pending(Migration(Version("1"), "m", script), prepare(script))
        return set(places_at_stake([pending]))

    other = "ALTER TABLE d RENAME TO e; CREATE VIEW f AS TABLE d; UPDATE b SET c = 1;"
    assert at_stake(other + "TRUNCATE s.a CASCADE") == {
        Place("s", "a"),
        *(Place("", name) for name in ("d", "e", "f")),
        UNNAMED,
    }
    assert at_stake(other) == set()
    assert at_stake("DROP OWNED BY app") == {UNNAMED}
