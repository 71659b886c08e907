"""The plan is what the files have and the history has not, or a refusal."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.hazard import Hazard
from meshmigrate.domain.plan import AppliedVersion, make_plan, retreat_digest
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import HazardPolicy, Policy
from meshmigrate.domain.script import Migration, MigrationSet, Script, ScriptKind
from meshmigrate.domain.version import Version

RUN, OTHER = UUID(int=1), UUID(int=2)
AS_EVER = "sha256:7859b7b73b3ebedb177a74ac62b00e830a9c0ccf071f27a42ff352bbc01574cc"
"""The digest of the plan of one small file, as it was in the first release."""


def migration(version: str, *, text: str = "SELECT 1;", rollback: str | None = None) -> Migration:
    """Give a migration."""
    way_back = None if rollback is None else Script(ScriptKind.ROLLBACK, "r", rollback)
    script = Script(ScriptKind.MIGRATION, f"m/{version}_x.sql", text)
    return Migration(Version(version), "x", script, way_back)


def applied(version: str, *, text: str = "SELECT 1;", run_id: UUID = OTHER) -> AppliedVersion:
    """Give the history row that migration has after it was applied."""
    checksum = migration(version, text=text).script.checksum
    return AppliedVersion(Version(version), "x", checksum, None, run_id, "applied")


def source(*migrations: Migration) -> MigrationSet:
    """Give these migrations as a source."""
    return MigrationSet(migrations)


def refusal(
    files: MigrationSet, history: list[AppliedVersion], target: Version | None = None
) -> Refusal:
    """Give the refusal that planning must end with."""
    with pytest.raises(Refusal) as caught:
        make_plan(files, history, target=target, run_id=RUN)
    return caught.value


@given(st.integers(0, 6), st.integers(0, 6))
def test_what_is_not_applied_is_pending_in_order(done: int, target: int) -> None:
    """The plan is the rest of the files, up to the target."""
    files = [migration(str(number)) for number in range(1, 7)]
    history = [applied(str(number)) for number in range(1, done + 1)]
    wanted = Version(str(target)) if target >= max(done, 1) else None
    plan = make_plan(source(*files), history, target=wanted, run_id=RUN)
    last = target if wanted else 6
    assert [m.version.number for m in plan.pending] == list(range(done + 1, last + 1))
    assert plan.current == (Version(str(done)) if done else None)


@given(st.integers(0, 3))
def test_the_digest_is_the_same_for_every_attempt_of_a_run(done: int) -> None:
    """What the run itself has already applied still belongs to its intention."""
    files = source(*(migration(number) for number in ("1", "2", "3", "4")))
    before = [applied("1")]
    mine = [applied(number, run_id=RUN) for number in ("2", "3", "4")[:done]]
    first = make_plan(files, before, target=None, run_id=RUN)
    later = make_plan(files, [*before, *mine], target=None, run_id=RUN)
    assert later.digest == first.digest


@pytest.mark.parametrize(
    "changed",
    [
        (migration("1", text="SELECT 2;"),),
        (migration("1", rollback="SELECT 3;"),),
        (migration("1"), migration("2")),
        (migration("3"),),
    ],
)
def test_other_files_give_another_digest(changed: tuple[Migration, ...]) -> None:
    """A change of a migration, a rollback script or the set is seen."""
    first = make_plan(source(migration("1")), [], target=None, run_id=RUN)
    assert make_plan(source(*changed), [], target=None, run_id=RUN).digest != first.digest


@pytest.mark.parametrize("policy", [Policy(on_failure="Halt"), Policy(transaction_mode="Batch")])
def test_another_policy_gives_another_digest(policy: Policy) -> None:
    """What happens on a failure, and what a failure takes with it, is part of what is approved."""
    files = source(migration("1"))
    first = make_plan(files, [], target=None, run_id=RUN)
    assert make_plan(files, [], target=None, run_id=RUN, policy=policy).digest != first.digest
    patient = Policy(deadline_seconds=1)
    assert make_plan(files, [], target=None, run_id=RUN, policy=patient).digest == first.digest


def test_what_a_run_may_do_is_part_of_what_is_approved() -> None:
    """But it is no other plan than that of a release that knew no hazards, where it is as ever."""
    files = source(migration("1"))
    first = make_plan(files, [], target=None, run_id=RUN)
    allowed = {
        make_plan(files, [], target=None, run_id=RUN, policy=Policy(hazards=hazards)).digest
        for hazards in (HazardPolicy(enforce=()), HazardPolicy(allow=(Hazard.DELETES_DATA,)))
    }
    assert len(allowed | {first.digest}) == 3
    assert first.digest == AS_EVER


def test_another_place_gives_another_digest() -> None:
    """What was approved for one database, role or search path is not approved for another."""
    files = source(migration("1"))
    here = make_plan(files, [], target=None, run_id=RUN, place=("a", "7", ""))
    there = make_plan(files, [], target=None, run_id=RUN, place=("a", "8", ""))
    assert here.digest != there.digest
    row = [applied("1")]
    assert retreat_digest(row, row, ("a",)) != retreat_digest(row, row, ("b",))


def test_another_history_gives_another_digest() -> None:
    """The same files on a database that has other versions are another plan."""
    files = source(migration("1"), migration("2"), migration("3"))
    both = [applied("1"), applied("2")]
    first = make_plan(files, both[:1], target=None, run_id=RUN)
    assert make_plan(files, both, target=None, run_id=RUN).digest != first.digest
    edited = source(migration("1", text="SELECT 2;"), *files.migrations[1:])
    accepted = [applied("1", text="SELECT 2;")]
    assert make_plan(edited, accepted, target=None, run_id=RUN).digest != first.digest


def test_what_goes_back_has_a_digest_of_its_own() -> None:
    """Another version to go back to, or another rollback script, is another way back."""
    history = [replace(applied(number), rollback_checksum=f"r{number}") for number in "123"]
    digests = {
        retreat_digest(history, leaving)
        for leaving in (
            history[:1:-1],
            history[:0:-1],
            [replace(history[2], rollback_checksum="other")],
        )
    }
    assert len(digests) == 3


def test_an_edited_file_is_refused_with_both_checksums() -> None:
    """The history of a database is never edited behind its back."""
    error = refusal(source(migration("1", text="SELECT 2;")), [applied("1")])
    assert error.reason is Reason.CHECKSUM_MISMATCH
    assert error.message.count("sha256:") == 2
    assert str(error).startswith("m/1_x.sql: ")


def test_an_applied_version_without_its_file_is_refused() -> None:
    """A lost file is found before anything runs."""
    error = refusal(source(migration("1")), [applied("1"), applied("2")])
    assert error.reason is Reason.MISSING_FILE
    assert "version 2" in error.message


def test_a_file_before_an_applied_one_is_refused() -> None:
    """A late file of another branch would run on a schema that its author has not seen."""
    error = refusal(
        source(migration("1"), migration("2"), migration("3")), [applied("1"), applied("3")]
    )
    assert error.reason is Reason.OUT_OF_ORDER
    assert str(error).startswith("m/2_x.sql: ")
    assert "`--out-of-order Apply`" in error.hint


@given(st.sets(st.integers(1, 8)))
def test_late_files_are_pending_in_numeric_order_where_the_policy_says_so(done: set[int]) -> None:
    """Whatever is applied, the rest follows in order of the number; the target still limits it."""
    files = source(*(migration(str(number)) for number in range(1, 9)))
    history = [applied(str(number)) for number in done]
    plan = make_plan(files, history, target=None, run_id=RUN, policy=Policy(out_of_order="Apply"))
    assert [m.version.number for m in plan.pending] == sorted(set(range(1, 9)) - done)


def test_a_target_must_be_there_and_ahead() -> None:
    """A target nobody has, or one behind, is a mistake."""
    files = source(migration("1"), migration("2"))
    assert refusal(files, [], Version("3")).reason is Reason.UNKNOWN_TARGET
    error = refusal(files, [applied("1"), applied("2")], Version("1"))
    assert error.reason is Reason.TARGET_BELOW_CURRENT


def test_versions_are_compared_by_number() -> None:
    """A file renamed from 1 to 001 is the same version."""
    plan = make_plan(source(migration("001")), [applied("1")], target=Version("01"), run_id=RUN)
    assert plan.pending == ()
