"""What was under way when a connection was lost, and what is not tried a third time."""

import pytest

from meshmigrate.domain.errors import Failure, Interruption, Location
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Script, ScriptKind, Statement
from meshmigrate.engine.in_flight import UNSEEN, Commit, InFlight, Suspicion

SCRIPT = Script(ScriptKind.MIGRATION, "migrations/2_b.sql", "SELECT 1;\nSELECT 2;\n")
FIRST = Statement(text="SELECT 1", kind="SELECT", offset=0)
PLACE = "migrations/2_b.sql:2:1 (SELECT)"
END = "the end of migrations/2_b.sql"
MANY = "migrations/2_b.sql:1:1 (SELECT, or one of the"
SECOND = Statement(text="SELECT 2", kind="SELECT", offset=10)


def lost(location: Location | None = None, statement: str | None = None) -> Interruption:
    """Make the error of a lost connection."""
    return Interruption(Reason.CONNECTION_LOST, "lost", location=location, statement=statement)


def test_a_statement_is_known_by_its_place() -> None:
    """File, line, column and kind, as the error has them."""
    error = lost(SCRIPT.location(SECOND.offset), "SELECT")
    assert InFlight().describe(error) == "migrations/2_b.sql:2:1 (SELECT)"


def test_a_commit_and_the_checks_before_it_are_the_end_of_the_file() -> None:
    """Deferred constraints and triggers run there."""
    in_flight = InFlight(commit=Commit("742", SCRIPT.file))
    assert in_flight.describe(lost()) == "the end of migrations/2_b.sql"
    assert InFlight().describe(lost(Location(SCRIPT.file))) == "the end of migrations/2_b.sql"


def test_without_a_statement_of_the_user_s_nothing_is_suspected() -> None:
    """Our own statements crash no server."""
    assert not InFlight().describe(lost())


def test_the_suspect_is_refused_with_its_place() -> None:
    """The others of the same file are not."""
    in_flight = InFlight(suspicion=Suspicion(PLACE, PLACE))
    in_flight.refuse_suspect(SCRIPT, [FIRST])
    with pytest.raises(Failure) as caught:
        in_flight.refuse_suspect(SCRIPT, [FIRST, SECOND])
    assert caught.value.reason is Reason.SERVER_CRASH_SUSPECTED
    assert str(caught.value.location) == "migrations/2_b.sql:2:1"
    assert "server's log" in caught.value.hint


def test_a_commit_can_be_the_suspect() -> None:
    """Then the file is not begun again."""
    in_flight = InFlight(suspicion=Suspicion(END, END))
    with pytest.raises(Failure, match="the COMMIT"):
        in_flight.refuse_suspect(SCRIPT, [FIRST])


def test_another_file_of_the_same_place_is_no_suspect() -> None:
    """Every file begins at 1:1."""
    other = Script(ScriptKind.ROLLBACK, "rollbacks/2_b.sql", SCRIPT.text)
    place = "migrations/2_b.sql:1:1 (SELECT)"
    InFlight(suspicion=Suspicion(place, place)).refuse_suspect(other, [FIRST])


def test_a_new_connection_has_nothing_under_way() -> None:
    """Except what is suspected."""
    in_flight = InFlight(commit=Commit("742", SCRIPT.file))
    suspicion = Suspicion(PLACE, END)
    in_flight.begin(suspicion)
    assert (in_flight.commit, in_flight.version) == (None, None)
    assert in_flight.suspicion is suspicion


@pytest.mark.parametrize(
    ("earlier", "later", "refused"),
    [
        (f"{MANY} 1 behind it)", PLACE, "migrations/2_b.sql:2:1"),
        (f"{MANY} 1 behind it)", END, None),
        (f"{MANY} 2 behind it)", END, "migrations/2_b.sql"),
        (f"{MANY} 1 behind it)", f"{MANY} 1 behind it)", None),
        (UNSEEN, PLACE, "migrations/2_b.sql:2:1"),
        (PLACE, UNSEEN, "migrations/2_b.sql:2:1"),
        (UNSEEN, UNSEEN, "migrations/2_b.sql"),
        (PLACE, END, None),
    ],
)
def test_what_was_not_seen_exactly_counts_together_with_what_was(
    earlier: str, later: str, refused: str | None
) -> None:
    """Of many statements in a message any may have done it; of an unseen end, any at all."""
    in_flight = InFlight(suspicion=Suspicion(earlier, later))
    if refused is None:
        in_flight.refuse_suspect(SCRIPT, [FIRST, SECOND])
        return
    with pytest.raises(Failure) as caught:
        in_flight.refuse_suspect(SCRIPT, [FIRST, SECOND])
    assert str(caught.value.location) == refused
