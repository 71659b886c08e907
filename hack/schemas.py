"""The JSON Schemas of the documentation, made from the types that the program itself uses.

``python -m hack.schemas`` writes them anew; a test holds them against the code.
"""

import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from meshmigrate.domain.answers import (
    Fault,
    LogAnswer,
    NewFiles,
    Problem,
    Status,
    WaitAnswer,
)
from meshmigrate.domain.plan_answer import PlanAnswer
from meshmigrate.domain.result import Result
from meshmigrate.domain.runner_log import LogLine
from meshmigrate.domain.runspec import Contract, RunSpec
from meshmigrate.domain.schema_answers import FingerprintAnswer, VerifyAnswer

FOLDER: Final = Path(__file__).parents[1] / "docs" / "schemas"
TYPES: Final[dict[str, type[Contract]]] = {
    "fault": Fault,
    "fingerprint": FingerprintAnswer,
    "log": LogAnswer,
    "new": NewFiles,
    "plan": PlanAnswer,
    "problem": Problem,
    "result": Result,
    "run-spec": RunSpec,
    "runner-log": LogLine,
    "status": Status,
    "verify": VerifyAnswer,
    "wait": WaitAnswer,
}
"""File name, without its end, to what it describes."""


def make_schema(described: type[Contract]) -> bytes:
    """Give the JSON Schema of a type, as it stands in its file."""
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **msgspec.json.schema(described),
    }
    return msgspec.json.format(msgspec.json.encode(schema, order="sorted"), indent=2) + b"\n"


def write_schemas(folder: Path) -> None:
    """Write the file of every type."""
    for name, described in TYPES.items():
        folder.joinpath(f"{name}.json").write_bytes(make_schema(described))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    write_schemas(FOLDER)
    sys.stdout.write(f"wrote {len(TYPES)} schemas to {FOLDER}\n")
