"""A database that belongs to somebody else, and a role that may do in it what a test grants."""

import re
from dataclasses import dataclass
from typing import Final, Self
from uuid import uuid4

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import Result
from meshmigrate.domain.runspec import Policy
from tests.postgres.harness import ALLOWED, PASSWORD, Database, Project, attempt, make_spec

_WORLD: Final = """
CREATE ROLE app_owner; CREATE ROLE migrator LOGIN PASSWORD 'password';
ALTER DATABASE shop OWNER TO postgres;
CREATE SCHEMA app;
CREATE TABLE app.tenants (id int PRIMARY KEY, name text);
CREATE TABLE app.orders (id int PRIMARY KEY, tenant int);
CREATE TABLE app.audit (at timestamptz DEFAULT now(), what text);
CREATE TABLE app.scratch (x int);
CREATE TYPE app.mood AS ENUM ('sad');
CREATE FUNCTION app.one() RETURNS int LANGUAGE sql AS 'SELECT 1';
ALTER TABLE app.orders OWNER TO app_owner;
ALTER TYPE app.mood OWNER TO app_owner;
ALTER FUNCTION app.one() OWNER TO app_owner;
"""


@dataclass(frozen=True)
class Shop:
    """A database that belongs to somebody else, and a role with grants of its own."""

    database: Database
    names: dict[str, str]

    @classmethod
    def open(cls, database: Database) -> Self:
        """Make what is in it, and its roles."""
        mark = uuid4().hex[:8]
        roles = {"migrator": f"migrator_{mark}", "app_owner": f"owner_{mark}"}
        made = cls(database, roles | {"shop": database.name})
        made.administer(_WORLD.replace("'password'", f"'{PASSWORD}'"))
        return made

    def administer(self, statements: str) -> None:
        """Run statements as the superuser, under the names of this database."""
        for name, own in self.names.items():
            statements = re.sub(rf"\b{name}\b", own, statements)
        self.database.query(statements, superuser=True)

    def grant(self, grants: list[str]) -> None:
        """Give the role what a test gives it."""
        self.administer("".join(grants))

    def run(self, project: Project) -> Result:
        """Run a project as the role."""
        door = Database(self.database.server, self.database.name, self.names["migrator"])
        return attempt(door, make_spec(project, policy=Policy(hazards=ALLOWED))).result

    def find(self, right: str) -> str:
        """Give the words of a right under the names of this database."""
        for name, own in self.names.items():
            right = re.sub(rf"\b{name}\b", own, right)
        return right


def refused(done: Result) -> str:
    """Require the refusal, and give its words."""
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.PERMISSION_DENIED)
    return done.message


def hint(done: Result) -> str:
    """Give the statements that the refusal names."""
    assert done.failure is not None
    return done.failure.hint.removeprefix("As an administrator: ")
