"""What ``status`` says to do next."""

from typing import Any

import pytest

from meshmigrate.domain.answers import LockHolder, OpenStep, RunSummary, Status
from meshmigrate.domain.result import DatabaseIdentity
from meshmigrate.engine.next_step import next_step

RUN = "7f0c2f4e-0000-4000-8000-000000000001"


def status(**more: Any) -> Status:
    """Make an answer of ``status`` in which nothing is to do, but for what is given."""
    values: dict[str, Any] = {"pending_count": 0, "unfinished": (), "runs": (), "open_steps": ()}
    return Status(
        api_version=1,
        database=DatabaseIdentity(name="d", system_identifier="1"),
        ledger_schema="meshmigrate",
        ledger_version=1,
        applied_count=1,
        **values | more,
    )


def run(**more: Any) -> RunSummary:
    """Make a run on its way forward, but for what is given."""
    values: dict[str, Any] = {"intent": "apply"}
    return RunSummary(id=RUN, attempt=1, started_at="2026-01-05T09:00:00.000Z", **values | more)


STEP = OpenStep(
    run_id=RUN,
    version="5",
    direction="up",
    ordinal=2,
    object="public.a_x",
    started_at="2026-01-05T09:00:00.000Z",
)


def test_where_nothing_is_to_do_nothing_is_said() -> None:
    """A database at its target, whose last run succeeded."""
    assert next_step(status(runs=(run(outcome="Succeeded"),))) == ""


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (status(lock=LockHolder(pid=1), unfinished=(run(),)), "wait, and look again"),
        (status(unfinished=(run(),)), f"`--run-id {RUN}` continues it instead"),
        (status(unfinished=(run(intent="undo"),)), "finishes the way back of that run first"),
        (status(unfinished=(run(),), open_steps=(STEP,)), "Statement 2 of version 5 was cut off"),
        (status(runs=(run(outcome="RolledBack"),), pending_count=1), f"log --run {RUN}` says why"),
        (status(runs=(run(outcome="Halted"),), open_steps=(STEP,)), "looks up what it did"),
        (status(pending_count=2), "`meshmigrate plan` shows what is pending"),
        (status(runs=(run(outcome="Interrupted"),), pending_count=1), "`meshmigrate apply`"),
    ],
)
def test_what_is_to_do_is_said(found: Status, said: str) -> None:
    """The most urgent first: who works, what was left, why the last run failed, what is new."""
    assert said in next_step(found)


def test_while_somebody_works_nothing_else_is_said() -> None:
    """What is unfinished then is being worked on."""
    assert "--run-id" not in next_step(status(lock=LockHolder(pid=1), unfinished=(run(),)))
