"""Which database this is: the cluster, and the timeline that it writes.

The timeline is read off the name of the current WAL file: any role may ask for it, while the
control file shows the old one until the first checkpoint after a promotion (measured).
"""

from dataclasses import dataclass
from typing import Final, LiteralString

from meshmigrate.domain.errors import Interruption
from meshmigrate.domain.reason import Reason

COLUMNS: Final[LiteralString] = """
    (SELECT c.system_identifier FROM pg_catalog.pg_control_system() AS c)::text,
    left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8)
"""
"""SQL: two columns that make an identity. 10 microseconds; a standby cannot answer it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A cluster and its timeline."""

    system_identifier: str
    """Given by initdb: copies of a cluster share it."""
    timeline: str
    """Eight hexadecimal digits; each promotion begins a new one."""

    def refuse_another(self, now: "Identity") -> None:
        """Refuse to go on in another cluster than this one.

        Raises
        ------
        Interruption
            ``AnotherDatabase``.
        """
        if now.system_identifier != self.system_identifier:
            raise Interruption(
                Reason.ANOTHER_DATABASE,
                f"this is another database: its system identifier is {now.system_identifier}, "
                f"that of the one the run began on is {self.system_identifier}",
                hint="Nothing was written here. Find out why the URL leads to another server "
                "now; the next attempt works with whatever answers then.",
            )

    def refuse_failover(self, now: "Identity") -> None:
        """Require that nothing happened to the server below this session.

        Raises
        ------
        Interruption
            ``AnotherDatabase``, or ``ConnectionLost`` after a failover: what was locked and read
            was so on the old server.
        """
        self.refuse_another(now)
        if now.timeline != self.timeline:
            raise Interruption(
                Reason.CONNECTION_LOST,
                f"the server failed over from timeline {self.timeline} to {now.timeline}",
                hint="What was applied is read again from the server that took over.",
            )
