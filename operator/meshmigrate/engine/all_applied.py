"""Nothing to do, found out without a look at each row of a long history."""

from meshmigrate.domain.runspec import RunSpec
from meshmigrate.engine import half_back
from meshmigrate.engine.ledger import history, lease, schema
from meshmigrate.engine.looking import Sight
from meshmigrate.engine.wanted import Wanted


def is_all_applied(sight: Sight, wanted: Wanted, spec: RunSpec) -> bool:
    """Whether a run has nothing to do because the history is just what the files are.

    The server sums the history up. Where that is another sum, or where the run asks for more
    than the files, this is False and nothing is said: then the rows are compared.

    Raises
    ------
    Refusal
        ``RollbackIncomplete``.
    """
    told = spec.ledger
    if wanted.target is not None or told.adopt != "None" or told.baseline or told.accept:
        return False
    if not history.is_of(sight.ledger, wanted.source.migrations):
        return False
    half_back.refuse(sight.ledger)
    return schema.is_current(sight.ledger_version) and lease.is_free(sight.ledger)
