"""Scripts run as the role and with the names that were asked for; the ledger stays the login's."""

from dataclasses import dataclass
from uuid import uuid4

import pytest
from msgspec.structs import replace
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier, Literal

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import Result
from meshmigrate.domain.runspec import Access
from tests.postgres.harness import PASSWORD, Database, Project, attempt, make_spec

OWNERS = """
SELECT DISTINCT n.nspname, r.rolname FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_roles AS r ON r.oid = c.relowner
WHERE n.nspname IN ('data', 'meshmigrate')
"""


@dataclass(frozen=True)
class House:
    """A schema that belongs to one role, and another one that logs in and inherits nothing."""

    database: Database
    owner: str
    login: str

    def run(self, project: Project, *, role: str = "", path: tuple[str, ...] = ("data",)) -> Result:
        """Run a project as the login."""
        access = Access(role=role or self.owner, search_path=path)
        spec = replace(make_spec(project), database=access)
        door = Database(self.database.server, self.database.name, self.login)
        return attempt(door, spec).result

    def query(self, text: str) -> list[TupleRow]:
        """Ask as the superuser."""
        return self.database.query(text, superuser=True)


@pytest.fixture
def house(database: Database) -> House:
    """Give roles of their own, and the schema ``data``."""
    house = House(database, f"Owner {uuid4().hex[:8]}", f"login_{uuid4().hex[:8]}")
    names = {
        "owner": Identifier(house.owner),
        "login": Identifier(house.login),
        "database": Identifier(database.name),
        "password": Literal(PASSWORD),
    }
    with database.connect(superuser=True) as connection:
        connection.execute(
            SQL(
                "CREATE ROLE {owner}; CREATE ROLE {login} LOGIN NOINHERIT PASSWORD {password};"
                "GRANT {owner} TO {login}; GRANT CREATE ON DATABASE {database} TO {login};"
                "CREATE SCHEMA data AUTHORIZATION {owner}"
            ).format(**names)
        )
    return house


def test_scripts_and_checks_run_as_the_role_and_the_ledger_as_the_login(
    house: House, project: Project
) -> None:
    """What scripts make belongs to the role; the ledger's tables belong to who logged in."""
    project.migration("1", "CREATE TABLE t (x int); INSERT INTO t VALUES (1)")
    project.write("checks/1_owner.sql", "SELECT current_user LIKE 'Owner %' FROM t")
    assert house.run(project).outcome is Outcome.SUCCEEDED
    assert dict(house.query(OWNERS)) == {"data": house.owner, "meshmigrate": house.login}


def test_steps_outside_transactions_run_as_the_role(house: House, project: Project) -> None:
    """Also what clears up before them: an INVALID index that only its owner may drop."""
    project.migration("1", "CREATE TABLE t (x int); INSERT INTO t VALUES (1), (1)")
    assert house.run(project).outcome is Outcome.SUCCEEDED
    project.migration("2", "CREATE UNIQUE INDEX CONCURRENTLY i ON t (x)")
    assert house.run(project).outcome is Outcome.FAILED
    house.query(
        "CREATE INDEX i ON data.t (x);"
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'data.i'::regclass"
    )
    project.migration("2", "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (x); SELECT 1 FROM t")
    assert house.run(project).outcome is Outcome.SUCCEEDED
    assert house.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'data.i'::regclass") == [
        (True,)
    ]


def test_an_index_of_the_same_definition_is_recognised_as_the_role(
    house: House, project: Project
) -> None:
    """IF NOT EXISTS over a valid index compares it on a stand-in that the role makes and drops."""
    house.query(
        f'SET ROLE "{house.owner}"; CREATE TABLE data.t (x int); CREATE INDEX i ON data.t (x)'
    )
    project.migration("1", "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (x)")
    assert house.run(project).outcome is Outcome.SUCCEEDED


def test_the_way_back_runs_as_the_role(house: House, project: Project) -> None:
    """What the role made it takes back, and the schema is proven to be as before."""
    project.migration("1", "CREATE TABLE t (x int)", "DROP TABLE t")
    project.migration("2", "SELECT 1/0")
    assert house.run(project).outcome is Outcome.ROLLED_BACK
    assert house.query("SELECT to_regclass('data.t') IS NULL") == [(True,)]


def test_the_search_path_holds_for_each_file_anew(house: House, project: Project) -> None:
    """A dump's empty search path does not reach the next file, and the order of schemas counts."""
    project.migration("1", "CREATE SCHEMA more; CREATE TABLE more.t (x int); SET search_path = ''")
    project.migration("2", "CREATE TABLE u AS SELECT * FROM t")
    house.query(f'GRANT CREATE ON DATABASE {house.database.name} TO "{house.owner}"')
    assert house.run(project, path=("data", "more")).outcome is Outcome.SUCCEEDED
    assert house.query("SELECT to_regclass('data.u') IS NOT NULL") == [(True,)]


def test_a_search_path_without_a_role_is_the_logins_own_work(
    house: House, project: Project
) -> None:
    """Each can be given without the other."""
    project.migration("1", "CREATE TABLE t (x int)")
    spec = replace(make_spec(project), database=Access(search_path=("a, b",)))
    house.database.query('CREATE SCHEMA "a, b"')
    assert attempt(house.database, spec).outcome is Outcome.SUCCEEDED
    owner = "SELECT tableowner FROM pg_tables WHERE schemaname = 'a, b'"
    assert house.query(owner) == [(house.database.role,)]


def test_a_role_that_may_not_be_set_is_refused_with_the_grant_that_helps(
    house: House, project: Project
) -> None:
    """Nothing is made before that, not even the ledger; the named statement mends it."""
    project.migration("1", "CREATE TABLE t (x int)")
    house.query(f'REVOKE "{house.owner}" FROM {house.login}')
    refused = house.run(project)
    assert (refused.outcome, refused.reason) == (Outcome.REFUSED, Reason.PERMISSION_DENIED)
    assert f'may not SET ROLE "{house.owner}"' in refused.message
    assert refused.failure is not None
    assert not house.database.has_ledger
    house.query(refused.failure.hint.partition(": ")[2])
    assert house.run(project).outcome is Outcome.SUCCEEDED


def test_a_membership_without_set_is_refused_where_there_is_one(
    house: House, project: Project
) -> None:
    """Since PostgreSQL 16 a member may inherit and not SET ROLE: the grant says WITH SET TRUE."""
    if int(house.database.server.version) < 16:
        house.query(f'REVOKE "{house.owner}" FROM {house.login}')
    else:
        house.query(f'GRANT "{house.owner}" TO {house.login} WITH SET FALSE')
    project.migration("1", "CREATE TABLE t (x int)")
    refused = house.run(project)
    assert refused.reason == Reason.PERMISSION_DENIED
    assert refused.failure is not None
    house.query(refused.failure.hint.partition(": ")[2])
    assert house.run(project).outcome is Outcome.SUCCEEDED


def test_a_role_that_is_not_there_is_refused(house: House, project: Project) -> None:
    """A typing error is named before anything runs."""
    project.migration("1", "CREATE TABLE t (x int)")
    refused = house.run(project, role="no such; role")
    assert (refused.outcome, refused.reason) == (Outcome.REFUSED, Reason.PERMISSION_DENIED)
    assert 'there is no role "no such; role"' in refused.message
