"""Build images and load them into the cluster: `python3 -m hack.images product postgres`."""

import argparse
import sys
from collections.abc import Sequence

from hack.cluster import lock
from hack.cluster.choice import choose
from hack.cluster.docker import engine_answers
from hack.cluster.errors import ClusterError
from hack.cluster.kernel import refuse_unfit_host
from hack.cluster.paths import Cache, cache_from
from hack.cluster.programs import say
from hack.images import recipes
from hack.images.builder import Buildah, Builder, Docker
from hack.images.delivery import deliver

_RECIPES = {"product": recipes.product, "postgres": recipes.postgres}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code: 1 for a failure, 2 for an unmet need."""
    parser = argparse.ArgumentParser(prog="python3 -m hack.images", description=__doc__)
    parser.add_argument(
        "images", nargs="*", metavar="image", help=f"{' or '.join(_RECIPES)}; all, if none is named"
    )
    options = parser.parse_args(argv)
    if unknown := set(options.images) - set(_RECIPES):
        parser.error(f"no such image: {', '.join(sorted(unknown))}")
    try:
        cache = cache_from()
        if not engine_answers():
            refuse_unfit_host()
        with lock.held(cache.root / "images.lock"):
            cluster, builder = choose(cache), _builder(cache)
            for name in dict.fromkeys(options.images or _RECIPES):
                deliver(cache, builder, cluster, _RECIPES[name](cache, builder))
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


def _builder(cache: Cache) -> Builder:
    return Docker(cache) if engine_answers() else Buildah(cache)


if __name__ == "__main__":
    sys.exit(main())
