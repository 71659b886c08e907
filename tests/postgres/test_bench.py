"""What the figures of the engine are taken on."""

from pathlib import Path

from bench.ground import ground
from bench.proof import proof


def test_nothing_is_deleted_between_takes(tmp_path: Path) -> None:
    """The database of each take stays, and all of them go with the server, at the end."""
    with ground("18") as here:
        proof(here, tmp_path, rounds=2, scale=0.004)
        with here.connect("postgres") as connection:
            made = connection.execute(
                "SELECT datname FROM pg_database WHERE starts_with(datname, 'bench')"
            ).fetchall()
        assert len(made) == 2
    assert not here.server.data.exists()
