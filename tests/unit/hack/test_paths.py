"""Everything made here lies below one folder, found by the XDG rules."""

from pathlib import Path

import pytest

from hack.cluster.errors import UnmetNeedError
from hack.cluster.paths import cache_from


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HOME": "/home/a"}, "/home/a/.cache/meshmigrate"),
        ({"HOME": "/home/a", "XDG_CACHE_HOME": "/c"}, "/c/meshmigrate"),
        ({"HOME": "/home/a", "XDG_CACHE_HOME": ""}, "/home/a/.cache/meshmigrate"),
        ({"XDG_CACHE_HOME": "/c", "MESHMIGRATE_CACHE": "/own"}, "/own"),
    ],
)
def test_the_folder_is_found_by_environment(environ: dict[str, str], expected: str) -> None:
    """Our own variable wins over XDG_CACHE_HOME, and that over the home folder."""
    assert cache_from(environ).root == Path(expected)


@pytest.mark.parametrize("root", ["/run/user/0", "/var/log/cache", "/x" * 60])
def test_a_folder_that_cannot_work_is_refused(root: str) -> None:
    """Where the node sees another folder, or no socket fits, the message says what to set."""
    with pytest.raises(UnmetNeedError, match="set MESHMIGRATE_CACHE"):
        cache_from({"MESHMIGRATE_CACHE": root})
