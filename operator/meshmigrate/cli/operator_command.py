"""``meshmigrate operator``: the operator process, as the chart starts it."""

import os
import sys
from pathlib import Path

import click

from meshmigrate.cli.options import examples
from meshmigrate.domain.runner_log import LogFormat


@click.command(
    "operator",
    epilog=examples(
        "meshmigrate operator --runner-image registry.example.com/meshmigrate:1.0",
        "meshmigrate operator --runner-image meshmigrate:dev --namespace web --log-level DEBUG",
        then="`kubectl get databasemigrations --all-namespaces` shows what it does.",
    ),
)
@click.option(
    "--runner-image",
    envvar="MESHMIGRATE_RUNNER_IMAGE",
    required=True,
    help="Image of the Jobs that run the migrations.",
)
@click.option(
    "--runner-pull-policy",
    envvar="MESHMIGRATE_RUNNER_PULL_POLICY",
    type=click.Choice(["Always", "IfNotPresent", "Never"]),
    default="IfNotPresent",
    show_default=True,
    help="When a node pulls that image.",
)
@click.option(
    "--namespace",
    "namespaces",
    envvar="MESHMIGRATE_NAMESPACES",
    multiple=True,
    help="Namespace to watch; may be repeated. Default: all.",
)
@click.option(
    "--allowed-secret",
    "allowed_secrets",
    envvar="MESHMIGRATE_ALLOWED_SECRETS",
    multiple=True,
    default=("*",),
    help="Secret that spec.database of a resource may name; may be repeated. * stands for "
    "anything. Default: any.",
)
@click.option(
    "--allowed-host",
    "allowed_hosts",
    envvar="MESHMIGRATE_ALLOWED_HOSTS",
    multiple=True,
    help="Host that a password from a Secret may be sent to; may be repeated. * stands for "
    "anything, <namespace> for the resource's. Default: only hosts from the same Secret.",
)
@click.option(
    "--allowed-service-account",
    "allowed_service_accounts",
    envvar="MESHMIGRATE_ALLOWED_SERVICE_ACCOUNTS",
    multiple=True,
    help="ServiceAccount that a resource may name; may be repeated, * as above. Default: none.",
)
@click.option(
    "--allowed-label",
    "allowed_labels",
    envvar="MESHMIGRATE_ALLOWED_LABELS",
    multiple=True,
    help="Label that a resource may give its pod; may be repeated, * as above. Default: none.",
)
@click.option(
    "--allowed-annotation",
    "allowed_annotations",
    envvar="MESHMIGRATE_ALLOWED_ANNOTATIONS",
    multiple=True,
    help="Annotation that a resource may give its pod; may be repeated, * as above. Default: none.",
)
@click.option(
    "--port",
    envvar="MESHMIGRATE_PORT",
    type=click.IntRange(1, 65535),
    default=8080,
    show_default=True,
    help="Port of /metrics, /healthz and /readyz.",
)
@click.option(
    "--lease",
    envvar="MESHMIGRATE_LEASE",
    metavar="NAMESPACE/NAME",
    help="Lease by which one of several operators is active. Default: none, this one is active.",
)
@click.option(
    "--lease-duration",
    envvar="MESHMIGRATE_LEASE_DURATION",
    type=click.IntRange(min=1),
    default=15,
    show_default=True,
    help="Seconds after which the others take over from an operator that is gone.",
)
@click.option(
    "--lease-renew-deadline",
    envvar="MESHMIGRATE_LEASE_RENEW_DEADLINE",
    type=click.FloatRange(min=0, min_open=True),
    default=10,
    show_default=True,
    help="Seconds after which an operator that cannot renew the lease ends.",
)
@click.option(
    "--lease-retry-period",
    envvar="MESHMIGRATE_LEASE_RETRY_PERIOD",
    type=click.FloatRange(min=0, min_open=True),
    default=2,
    show_default=True,
    help="Seconds between two looks at the lease, and between two renewals.",
)
@click.option(
    "--notify-config",
    envvar="MESHMIGRATE_NOTIFY_CONFIG",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File with the channels of notifications, read again when it changes. Default: none.",
)
@click.option(
    "--log-level",
    envvar="MESHMIGRATE_LOG_LEVEL",
    type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"]),
    default="INFO",
    show_default=True,
    help="The least important lines to write.",
)
@click.option(
    "--log-format",
    envvar="LOG_FORMAT",
    type=click.Choice(["json", "console"]),
    default="json",
    show_default=True,
    help="Lines for machines, or for people.",
)
def operator(
    *,
    runner_image: str,
    runner_pull_policy: str,
    namespaces: tuple[str, ...],
    allowed_secrets: tuple[str, ...],
    allowed_hosts: tuple[str, ...],
    allowed_service_accounts: tuple[str, ...],
    allowed_labels: tuple[str, ...],
    allowed_annotations: tuple[str, ...],
    port: int,
    lease: str | None,
    lease_duration: int,
    lease_renew_deadline: float,
    lease_retry_period: float,
    notify_config: Path | None,
    log_level: str,
    log_format: LogFormat,
) -> None:
    """Watch DatabaseMigrations and run them as Jobs.

    Exit codes: 0 asked to stop, 1 the cluster does not let it work, 2 the operator's own
    packages are not installed.
    """
    import asyncio

    from meshmigrate.cli.core_dumps import forbid_core_dumps

    forbid_core_dumps()

    try:
        from meshmigrate.controller.admission import Allowed
        from meshmigrate.controller.app import OperatorConfig, run_operator
        from meshmigrate.controller.election import LeaseTimings
        from meshmigrate.controller.leading import LeaseConfig
        from meshmigrate.controller.pod_template import RunnerImage
        from meshmigrate.controller.port import ClusterError
        from meshmigrate.domain.trace_context import variables_of_runners
        from meshmigrate.observe.logs import configure_logging, last_words
        from meshmigrate.observe.traces import recording
    except ModuleNotFoundError as error:
        raise click.UsageError(
            f"the operator needs {error.name}, which is not installed: "
            "pip install 'meshmigrate[operator]'"
        ) from error

    namespace, _, name = (lease or "").partition("/")
    if lease and not (namespace and name):
        raise click.UsageError(f"--lease {lease}: write it as NAMESPACE/NAME")
    try:
        timings = LeaseTimings(lease_duration, lease_renew_deadline, lease_retry_period)
    except ValueError as error:
        raise click.UsageError(f"{error}: see the options --lease-*") from error
    configure_logging(log_level, sys.stdout, log_format)
    config = OperatorConfig(
        runner_image=RunnerImage(
            runner_image, runner_pull_policy, variables_of_runners(os.environ)
        ),
        allowed=Allowed(
            secrets=allowed_secrets,
            hosts=allowed_hosts,
            service_accounts=allowed_service_accounts,
            labels=allowed_labels,
            annotations=allowed_annotations,
        ),
        namespaces=namespaces,
        port=port,
        lease=LeaseConfig(namespace, name, timings) if lease else None,
        channels=notify_config,
    )
    try:
        with recording():
            asyncio.run(run_operator(config))
    except ClusterError as error:
        last_words(str(error))
        sys.exit(1)
    except Exception as error:  # noqa: BLE001  the end is a line of the log as well
        last_words("", error)
        sys.exit(1)
