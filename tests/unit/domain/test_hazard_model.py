"""Whatever files do with names: that data of the database is deleted is never missed."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from meshmigrate.domain.data_change import Place
from tests.unit.domain.test_hazard_search import found

SCHEMAS = ("public", "app", "old")
TABLES = ("a", "b")
SCHEMA = st.sampled_from(SCHEMAS)
TABLE = st.sampled_from(TABLES)
THERE = (st.integers(0, 3), st.booleans())
"""Which of the tables that are there, and whether its schema is written even if it need not be."""
STEPS = st.one_of(
    st.tuples(st.just("create"), SCHEMA, TABLE, st.booleans()),
    st.tuples(st.just("drop"), *THERE),
    st.tuples(st.just("delete"), *THERE),
    st.tuples(st.just("rename"), *THERE, TABLE),
    st.tuples(st.just("move"), *THERE, SCHEMA),
    st.tuples(st.just("create schema"), SCHEMA),
    st.tuples(st.just("drop schema"), SCHEMA),
    st.tuples(st.just("rename schema"), SCHEMA, SCHEMA),
    st.tuples(st.just("path"), SCHEMA),
    st.tuples(st.just("file")),
)
Step = tuple[object, ...]


@dataclass
class World:
    """A database as a server keeps it: whose data is in which table."""

    schemas: set[str]
    theirs: dict[tuple[str, str], bool]
    """The tables, each with whether it was there before the run, under whatever name."""
    path: str = "public"
    files: list[list[str]] = field(default_factory=lambda: [["SELECT 1"]])
    lost: set[tuple[str, str]] = field(default_factory=set)
    """What has to be found: version, and what becomes of what."""

    def run(self, step: Step) -> None:
        """Do a step, if a server would."""
        word, *arguments = step
        if word == "file":
            self.files.append(["SELECT 1"])
            self.path = "public"
        elif word == "path":
            self._say(f"SET search_path = {arguments[0]}")
            self.path = str(arguments[0])
        elif word == "create":
            self._create(*map(str, arguments))
        elif str(word).endswith("schema"):
            self._schema(str(word), *map(str, arguments))
        elif self.theirs:
            number, written, *more = map(str, arguments)
            key = sorted(self.theirs)[int(number) % len(self.theirs)]
            self._table(str(word), key, self._shown(key, written), *more)

    def _shown(self, key: tuple[str, str], written: str) -> str:
        return key[1] if written == "False" and key[0] == self.path else ".".join(key)

    def _say(self, text: str) -> None:
        self.files[-1].append(text)

    def _lose(self, what: str) -> None:
        self.lost.add((str(len(self.files)), what))

    def _schema(self, word: str, name: str, new: str = "") -> None:
        if word == "create schema":
            if name not in self.schemas:
                self._say(f"CREATE SCHEMA {name}")
                self.schemas.add(name)
        elif name in self.schemas:
            inside = [key for key in self.theirs if key[0] == name]
            if word == "drop schema":
                self._say(f"DROP SCHEMA {name} CASCADE")
                if any(self.theirs[key] for key in inside):
                    self._lose(f"what was in schema {name}")
                self.theirs = {k: theirs for k, theirs in self.theirs.items() if k not in inside}
                self.schemas.discard(name)
            elif new not in self.schemas:
                self._say(f"ALTER SCHEMA {name} RENAME TO {new}")
                for key in inside:
                    self.theirs[new, key[1]] = self.theirs.pop(key)
                self.schemas = self.schemas - {name} | {new}

    def _create(self, schema: str, name: str, tolerant: str) -> None:
        key = (schema, name)
        if schema in self.schemas and (tolerant == "True" or key not in self.theirs):
            shown = self._shown(key, tolerant)
            self._say(f"CREATE TABLE {'IF NOT EXISTS ' if tolerant == 'True' else ''}{shown} ()")
            self.theirs.setdefault(key, False)

    def _table(self, word: str, key: tuple[str, str], shown: str, more: str = "") -> None:
        if word == "drop":
            self._say(f"DROP TABLE {shown}")
            if self.theirs.pop(key):
                self._lose(f"table {shown}, dropped")
        elif word == "delete":
            self._say(f"DELETE FROM {shown}")  # noqa: S608  for no server
            if self.theirs[key]:
                self._lose(f"rows of {shown}, deleted")
        elif word == "rename" and (key[0], more) not in self.theirs:
            self._say(f"ALTER TABLE {shown} RENAME TO {more}")
            self.theirs[key[0], more] = self.theirs.pop(key)
        elif word == "move" and more in self.schemas and (more, key[1]) not in self.theirs:
            self._say(f"ALTER TABLE {shown} SET SCHEMA {more}")
            self.theirs[more, key[1]] = self.theirs.pop(key)


def absent(world: World) -> Iterator[Place]:
    """Give what a catalog does not have, as it is asked."""
    for schema in SCHEMAS:
        if schema not in world.schemas:
            yield Place(schema, "")
        yield from (Place(schema, name) for name in TABLES if (schema, name) not in world.theirs)
    yield from (Place("", name) for name in TABLES if name not in {key[1] for key in world.theirs})


@settings(max_examples=500, deadline=None)  # it counts statements, however busy the machine is
@given(st.sampled_from(("public", "app")), st.lists(STEPS, min_size=3, max_size=12))
def test_data_that_is_deleted_is_never_missed(schema: str, steps: list[Step]) -> None:
    """Created, renamed, moved, with a path of their own, dropped and made again, in any order."""
    world = World({"public", "app"}, {(schema, "a"): True})
    before = frozenset(absent(world))
    for step in steps:
        world.run(step)
    told = found(*("; ".join(file) for file in world.files), absent=before)
    assert {(str(each.version), each.what) for each in told} >= world.lost
