"""What an application notices of ADD COLUMN behind a long reader."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from bench.figures import Figure, spread
from bench.ground import Ground

_PGBENCH: Final = "/usr/lib/postgresql/15/bin/pgbench"
_RATE: Final = 300
_CLIENTS: Final = 10
_READER_SECONDS: Final = 8.0
_BEFORE_SECONDS: Final = 1.0
_AFTER_SECONDS: Final = 3.0
_SAMPLE_SECONDS: Final = 0.01

_TABLE: Final = """
CREATE TABLE accounts (id bigint PRIMARY KEY, balance bigint NOT NULL);
INSERT INTO accounts SELECT n, 0 FROM generate_series(1, 10000) AS n;
"""
_APPLICATION: Final = """
\\set id random(1, 10000)
BEGIN;
SELECT balance FROM accounts WHERE id = :id;
UPDATE accounts SET balance = balance + 1 WHERE id = :id;
COMMIT;
"""
_BLOCKED: Final = """
SELECT count(*) FROM pg_stat_activity
WHERE application_name = 'pgbench' AND wait_event_type = 'Lock' AND wait_event = 'relation'
"""


@dataclass(frozen=True, slots=True)
class Noticed:
    """What the application noticed; in milliseconds."""

    longest: float
    """From when the slowest transaction was due to its end."""
    blocked: float
    """Sessions that waited for a table, times how long."""


def stall(ground: Ground, root: Path, rounds: int, scale: float) -> list[Figure]:
    """Add a column under load behind a reader of 8 s, and do the same without the migration."""
    del scale
    folder = root / "column"
    folder.mkdir()
    folder.joinpath("1_column.sql").write_text("ALTER TABLE accounts ADD COLUMN note text;\n")
    script = root / "application.sql"
    script.write_text(_APPLICATION)
    seen: dict[bool, list[Noticed]] = {True: [], False: []}
    for index in range(rounds):
        for migrated in (True, False) if index % 2 else (False, True):
            logs = root / f"application-{index}-{migrated}"
            logs.mkdir()
            seen[migrated].append(_round(ground, script, logs, folder if migrated else None))
    ours, bare = ([one.longest for one in seen[migrated]] for migrated in (True, False))
    blocked = [one.blocked for one in seen[True]]
    what = "ADD COLUMN behind an 8 s reader"
    return [
        Figure(
            f"{what}, longest stall",
            median(ours) / median(bare),
            "times",
            f"medians of {rounds} rounds with it, {median(ours):.0f} ms ({spread(ours)}), and"
            f" without, {median(bare):.0f} ms ({spread(bare)}); pgbench, {_RATE} transactions/s",
            limit=1.2,
        ),
        Figure(
            f"{what}, blocked",
            max(blocked),
            "session-ms",
            f"waits for the table in pg_stat_activity, every {_SAMPLE_SECONDS * 1000:.0f} ms; the"
            f" most of {rounds} rounds",
            limit=0,
        ),
    ]


def _round(ground: Ground, script: Path, logs: Path, folder: Path | None) -> Noticed:
    name = ground.new_database()
    with ground.connect(name) as reader:
        reader.execute(_TABLE)
        with _application(ground, name, script, logs), _samples(ground, name) as blocked:
            time.sleep(_BEFORE_SECONDS)
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM accounts")
            ends = threading.Timer(_READER_SECONDS, reader.execute, ["COMMIT"])
            ends.start()
            if folder:
                ground.apply(name, folder)
            ends.join()
            time.sleep(_AFTER_SECONDS)
    return Noticed(max(_latencies(logs)), sum(blocked) * 1000)


@contextmanager
def _application(ground: Ground, database: str, script: Path, logs: Path) -> Iterator[None]:
    seconds = _BEFORE_SECONDS + _READER_SECONDS + _AFTER_SECONDS
    options = [f"--rate={_RATE}", f"--client={_CLIENTS}", f"--time={seconds:.0f}"]
    with subprocess.Popen(
        [_PGBENCH, "--no-vacuum", "--log", *options, f"--file={script}", database],
        cwd=logs,
        env=os.environ | ground.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        yield
    if process.returncode:
        raise RuntimeError("pgbench failed")


@contextmanager
def _samples(ground: Ground, database: str) -> Iterator[list[float]]:
    """Collect how long sessions wait, in seconds, until the block ends."""
    found: list[float] = []
    over = threading.Event()

    def sample() -> None:
        with ground.connect(database) as connection:
            last = time.monotonic()
            while not over.wait(_SAMPLE_SECONDS):
                row = connection.execute(_BLOCKED).fetchone()
                now = time.monotonic()
                found.append((row[0] if row else 0) * (now - last))
                last = now

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield found
    finally:
        over.set()
        sampler.join()


def _latencies(logs: Path) -> Iterator[float]:
    """Give the milliseconds of each transaction (PostgreSQL manual, "pgbench", "--log")."""
    for log in logs.glob("pgbench_log.*"):
        for line in log.read_text().splitlines():
            yield int(line.split()[2]) / 1000
