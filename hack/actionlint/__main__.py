"""Lint this project's workflows, and those it gives as examples: `python3 -m hack.actionlint`."""

import subprocess
import sys
from pathlib import Path

from hack.cluster.errors import ClusterError
from hack.cluster.paths import cache_from
from hack.cluster.toolchain import find_go

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]
_WORKFLOWS = (".github/workflows/*.yaml", "examples/github-actions/*.yaml")


def main() -> int:
    """Run actionlint with a Go that is there or can be had, and return its exit code."""
    try:
        go, env = find_go(cache_from())
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    files = sorted(path for pattern in _WORKFLOWS for path in _ROOT.glob(pattern))
    return subprocess.run(
        [go, "-C", _HERE, "tool", "actionlint", *files], env=env, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
