"""The second one waits until the first has finished."""

import threading
from pathlib import Path

from hack.cluster import lock


def test_the_second_waits(tmp_path: Path) -> None:
    """Two holders never overlap, and both get their turn."""
    file = tmp_path / "deep" / "cluster.lock"
    order: list[str] = []
    inside = threading.Event()

    def second() -> None:
        inside.wait(10)
        with lock.held(file):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with lock.held(file):
        inside.set()
        thread.join(0.1)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
