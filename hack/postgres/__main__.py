"""Fetch servers that the tests need: `python3 -m hack.postgres 14 16 17`."""

import argparse
import sys
from collections.abc import Sequence

from hack.cluster import lock
from hack.cluster.errors import ClusterError
from hack.cluster.paths import cache_from
from hack.cluster.programs import say
from hack.postgres.archives import ARCHIVES, ensure


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code: 1 for a failure, 2 for an unmet need."""
    parser = argparse.ArgumentParser(prog="python3 -m hack.postgres", description=__doc__)
    parser.add_argument("versions", nargs="+", metavar="version", help=", ".join(ARCHIVES))
    options = parser.parse_args(argv)
    if unknown := set(options.versions) - set(ARCHIVES):
        parser.error(f"no such server: {', '.join(sorted(unknown))}")
    try:
        cache = cache_from()
        with lock.held(cache.root / "postgres.lock"):
            for version in options.versions:
                ensure(cache, ARCHIVES[version])
    except ClusterError as error:
        say(f"error: {error}")
        return error.exit_code
    except OSError as error:  # a full disk, a folder that is not ours: the text names it
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
