"""What the spans of the work in a database are called, and what they tell: never a text."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from meshmigrate.domain.script import Script, Statement
from meshmigrate.domain.version import Version
from meshmigrate.engine.ledger.journal import Direction
from meshmigrate.observe.traces import Attributes, Span, is_recording, span, unseen


def file_span(
    script: Script, version: Version, direction: Direction = "up"
) -> AbstractContextManager[Span]:
    """Give the span of a file, from its first try to its last."""
    if not is_recording():
        return unseen()

    def told() -> Attributes:
        return {"code.file.path": script.file, "meshmigrate.version": str(version)}

    return span("file" if direction == "up" else "rollback", told)


def part_span(script: Script, version: Version, *, of: int) -> AbstractContextManager[object]:
    """Give the span of a file that shares its transaction; one that does not has its own."""
    return nullcontext() if of == 1 else file_span(script, version)


def statement_span(script: Script, batch: Sequence[Statement]) -> AbstractContextManager[Span]:
    """Give the span of statements that are sent together, as the conventions name it."""
    if not is_recording():
        return unseen()
    first, count = batch[0], len(batch)
    kinds = {each.kind for each in batch}
    operation = " ".join([*(["BATCH"] if count > 1 else []), *(kinds if len(kinds) == 1 else [])])

    def told() -> Attributes:
        place = script.location(first.offset)
        return {
            "db.system.name": "postgresql",
            "db.operation.name": operation,
            **({"db.operation.batch.size": count} if count > 1 else {}),
            "code.file.path": place.file,
            "code.line.number": place.line or 1,
        }

    return span(operation, told, client=True)
