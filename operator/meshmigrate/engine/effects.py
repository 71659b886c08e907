"""What a statement outside transactions has done: looked up in the catalog, and made whole.

A transaction that fails leaves nothing; these statements leave an INVALID index, a copy beside
the old one, or a partition that is half detached (PostgreSQL manual, CREATE INDEX, REINDEX and
ALTER TABLE; measured).
"""

from dataclasses import dataclass
from typing import Final

from meshmigrate.domain.errors import Failure, MigrationError
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Action, Outside
from meshmigrate.engine.clock import Deadline
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.events import Event, EventName
from meshmigrate.engine.executor import Executor
from meshmigrate.engine.index_definition import is_as_written
from meshmigrate.engine.limits import limit
from meshmigrate.engine.lookup import (
    find_all_tables,
    find_attachment,
    find_index,
    find_invalid,
    find_tables,
    is_building,
    is_listed,
    is_stored_beside,
)
from meshmigrate.engine.server_error import is_cancelled
from meshmigrate.engine.session import translated

_POLL_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Effects:
    """Looks up and completes what one statement did, with our own names and the script's role.

    Parameters
    ----------
    object
        Its object, qualified and quoted.
    table
        The table or parent, the same.
    """

    executor: Executor
    outside: Outside
    object: str
    table: str
    deadline: Deadline

    @property
    def _connection(self) -> Connection:
        return self.executor.connection

    def index_is_valid(self) -> bool | None:
        """Tell whether the index is valid and ready; None if there is none of that name."""
        return find_index(self._connection, self.object)

    def absent(self) -> bool:
        """Tell whether there is no such index or object, or no such partition attached."""
        if self.outside.catalog is not None:
            return not is_listed(self._connection, self.outside.catalog, self.outside.object[-1])
        if self.outside.action is Action.DETACH_PARTITION:
            return self._attached() is None
        return self.index_is_valid() is None

    def prepare(self) -> bool:
        """Clear what earlier attempts of anybody left; tell whether nothing is left to be done.

        Raises
        ------
        Failure
            If IF NOT EXISTS would hide an index with another definition.
        """
        if self.outside.action is Action.DETACH_PARTITION:
            return self._attached() is True and self._finalize()
        if self.outside.action is not Action.CREATE_INDEX:
            return False
        self.drop_invalid()
        if not self.outside.tolerant or self.index_is_valid() is None:
            return False
        if self.same_definition():
            return True
        raise Failure(
            Reason.STATEMENT_FAILED,
            f"{self.object} is there with another definition, which IF NOT EXISTS would hide",
            hint="Give the new index another name, or drop the old one in the migration.",
        )

    def settle(self, *, absent_before: bool) -> bool:
        """Bring what was interrupted or failed to a known state; tell whether its effect stands.

        Raises
        ------
        Failure
            ``StepUnknown`` if a person has to look.
        MigrationError
            Whatever kept it from being brought there.
        """
        match self.outside.action:
            case Action.CREATE_INDEX:
                return self._settle_new_index(absent_before=absent_before)
            case Action.DROP_INDEX:
                self.drop_invalid()
                return self.index_is_valid() is None and not absent_before
            case Action.CREATE_SHARED | Action.DROP_SHARED as action:
                created = action is Action.CREATE_SHARED
                return absent_before is created and self.absent() is not created
            case (
                Action.REINDEX_INDEX
                | Action.REINDEX_TABLE
                | Action.REINDEX_SCHEMA
                | Action.REINDEX_DATABASE
            ):
                self._drop_copies()
                return False
            case Action.DETACH_PARTITION:
                return self._finalize() and not absent_before
            case Action.REPEAT | Action.UNKNOWN:
                return False

    def _settle_new_index(self, *, absent_before: bool) -> bool:
        self.drop_invalid()
        if not absent_before or self.index_is_valid() is None:
            return False
        if not self._is_ours():
            raise self._unknown()
        return True

    def verify(self) -> None:
        """Require that a statement that reported success has done all of its work.

        Raises
        ------
        Failure
            If an index it leaves is INVALID.
        """
        match self.outside.action:
            case Action.CREATE_INDEX | Action.REINDEX_INDEX:
                broken = [] if self.index_is_valid() else [self.object]
            case Action.REINDEX_TABLE | Action.REINDEX_SCHEMA | Action.REINDEX_DATABASE:
                broken = self._invalid(copies=False)
            case _:
                broken = []
        if broken:
            raise Failure(
                Reason.STATEMENT_FAILED,
                f"the server reported success, but left INVALID: {', '.join(broken)}",
                hint="An INVALID index is kept up to date and never used: drop it, or rebuild it "
                "with REINDEX INDEX CONCURRENTLY.",
            )

    def drop_invalid(self) -> None:
        """Drop the index if it is INVALID, unless somebody else is just building it."""
        if self.index_is_valid() is False:
            self._wait_for_builders()
        if self.index_is_valid() is False:
            self._send(f"DROP INDEX CONCURRENTLY {self.object}")

    def same_definition(self) -> bool:
        """Tell whether the index is what the statement makes."""
        return is_as_written(
            self._connection, self.executor.server, self.outside, self.object, self.table
        )

    def _is_ours(self) -> bool:
        """Tell whether an index that came up during the step has the step's definition."""
        try:
            return self.same_definition()
        except Failure as error:
            # A role without TEMPORARY cannot compare: that it was absent before has to do.
            if error.reason is Reason.PERMISSION_DENIED:
                return True
            raise

    def _drop_copies(self) -> None:
        if self._invalid(copies=True):
            self._wait_for_builders()
        for copy in self._invalid(copies=True):
            try:
                self._send(f"DROP INDEX CONCURRENTLY {copy}")
            except Failure as error:
                if error.reason is not Reason.PERMISSION_DENIED or not is_stored_beside(copy):
                    raise
                self._tell_leftover(copy)

    def _tell_leftover(self, copy: str) -> None:
        """Say what an owner may not drop: only a superuser may look into that schema (measured)."""
        self.executor.events(
            Event(
                name=EventName.LEFTOVER,
                message=f"an interrupted REINDEX left {copy}, which is kept up to date and never "
                f"used; a superuser can drop it: DROP INDEX CONCURRENTLY {copy}",
                warning=True,
            )
        )

    def _finalize(self) -> bool:
        """Detach a partition that is half detached; tell whether it is detached now."""
        pending = self._attached()
        if pending:
            self._send(f"ALTER TABLE {self.table} DETACH PARTITION {self.object} FINALIZE")
        return pending is not False

    def _attached(self) -> bool | None:
        """Tell whether the partition waits to be detached; None if it is not attached."""
        return find_attachment(self._connection, self.object, self.table)

    def _tables(self) -> list[int]:
        if self.outside.action is Action.REINDEX_SCHEMA:
            return find_all_tables(self._connection, self.outside.object[-1])
        if self.outside.action is Action.REINDEX_DATABASE:
            return find_all_tables(self._connection, None)
        return find_tables(self._connection, self.object, self.table or self.object)

    def _invalid(self, *, copies: bool) -> list[str]:
        return find_invalid(self._connection, self._tables(), copies=copies)

    def _wait_for_builders(self) -> None:
        tables = self._tables()
        while is_building(self._connection, tables):
            if self.deadline.passed:
                raise self.deadline.exceeded()
            self.executor.clock.sleep(_POLL_SECONDS)

    def _send(self, command: str) -> None:
        limit(self._connection, self.deadline.remaining)
        try:
            with translated():
                self._connection.execute(command.encode())
        except MigrationError as error:
            if is_cancelled(error) and self.deadline.passed:
                raise self.deadline.exceeded(error) from error
            raise

    def _unknown(self) -> Failure:
        return Failure(
            Reason.STEP_UNKNOWN,
            f"{self.object} is there with another definition than the file's, and was not there "
            "before the step began",
            hint="Somebody else made it meanwhile. Drop or rename that index, or make it what the "
            "file says, and run again.",
        )
