"""Start and stop a Kubernetes cluster on this machine: `python3 -m hack.cluster up`."""

import argparse
import os
import shlex
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from hack.cluster import lock
from hack.cluster.choice import Cluster, choose
from hack.cluster.errors import ClusterError
from hack.cluster.network import addresses_from
from hack.cluster.paths import Cache, cache_from
from hack.cluster.programs import elapsed, say


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 1 for a failure, 2 for an unmet need."""
    options = _parser().parse_args(argv)
    try:
        return _run(options, cache_from())
    except ClusterError as error:
        say(f"error: {error}")
        return error.exit_code
    except OSError as error:  # a full disk, a folder that is not ours: the text names it
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted")
        return 130


def exports(cache: Cache, environ: Mapping[str, str] = os.environ) -> list[str]:
    """Lines for a shell: `eval "$(python3 -m hack.cluster env)"`."""
    lines = [
        f"export KUBECONFIG={shlex.quote(str(cache.kubeconfig))}",
        f'export PATH={shlex.quote(str(cache.bin))}:"$PATH"',
        f"export CONTAINERD_ADDRESS={shlex.quote(str(cache.socket))}",
        "export CONTAINERD_NAMESPACE=k8s.io",
    ]
    if any(environ.get(name) for name in ("HTTPS_PROXY", "https_proxy")):
        addresses = addresses_from(environ)
        ours = f"{addresses.pods},{addresses.services},127.0.0.1"
        lines.append(f'export NO_PROXY="${{NO_PROXY:+$NO_PROXY,}}{ours}" no_proxy="$NO_PROXY"')
    return lines


def _run(options: argparse.Namespace, cache: Cache) -> int:
    match options.command:
        case "up":
            _up(cache)
        case "down":
            _down(cache, purge=options.purge)
        case "status":
            return _status(choose(cache))
        case "load":
            for archive in options.archives:
                choose(cache).load(archive)
        case "kubeconfig":
            print(cache.kubeconfig)
        case "env":
            print("\n".join(exports(cache)))
    return 0


def _up(cache: Cache) -> None:
    began = time.monotonic()
    cluster = choose(cache)
    cluster.check_host()
    with lock.held(cache.lock):
        cluster.up()
    say(f"the cluster is up ({elapsed(began)}). To use it:")
    for line in exports(cache)[:2]:
        say(f"  {line}")


def _down(cache: Cache, *, purge: bool) -> None:
    with lock.held(cache.lock):
        choose(cache).down()
        if purge:
            for folder in (cache.content, cache.images, cache.pki, cache.logs):
                shutil.rmtree(folder, ignore_errors=True)
            cache.kubeconfig.unlink(missing_ok=True)


def _status(cluster: Cluster) -> int:
    fault = cluster.fault()
    for line in cluster.describe():
        print(line)
    print("healthy" if fault is None else f"not healthy: {fault}")
    return 0 if fault is None else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m hack.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start a cluster, or keep a healthy one")
    down = commands.add_parser("down", help="stop the cluster and remove what it made")
    down.add_argument(
        "--purge", action="store_true", help="remove images, keys and logs too; programs stay"
    )
    commands.add_parser("status", help="say what runs; exit code 0 if it is healthy")
    load = commands.add_parser("load", help="bring images into the cluster")
    load.add_argument("archives", type=Path, nargs="+", metavar="image-tar")
    commands.add_parser("kubeconfig", help="print the path of the kubeconfig")
    commands.add_parser("env", help="print exports of KUBECONFIG and PATH for a shell")
    return parser


if __name__ == "__main__":
    sys.exit(main())
