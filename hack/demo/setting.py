"""What has to be there before a migration can run: cluster, images, operator, PostgreSQL."""

from pathlib import Path
from typing import Final

from hack.demo.shell import PYTHON, Shell

SYSTEM_NAMESPACE: Final = "meshmigrate-system"
ACTIVE_POD: Final = (
    f"$(kubectl -n {SYSTEM_NAMESPACE} get lease meshmigrate"
    " -o jsonpath='{.spec.holderIdentity}' | cut -d_ -f1)"
)
"""For a shell: the pod of the operator that is active."""
PASSWORD: Final = "p@ss#w0rd%/:"  # noqa: S105  made up, and awkward on purpose
DATABASE: Final = "meshhook"

_POSTGRES: Final = Path(__file__).with_name("postgres.yaml")


def database_url(password: str, database: str = DATABASE) -> str:
    """Give the URL as people write it: the password as it is, not percent-encoded."""
    return f"postgres://postgres:{password}@postgres:5432/{database}?sslmode=disable"


def start_cluster(shell: Shell) -> None:
    """Start the local cluster and turn the shell to it."""
    shell.run(f"{PYTHON} -m hack.cluster up")
    shell.use_cluster()


def build_images(shell: Shell) -> None:
    """Build the product's and PostgreSQL's image and load them into the cluster."""
    shell.run(f"{PYTHON} -m hack.images product postgres")


def install_operator(shell: Shell) -> None:
    """Install the chart anew.

    An upgrade would be refused after an interrupted one, and would leave a pod alone whose
    image has changed under the same tag.
    """
    helm = f"--namespace {SYSTEM_NAMESPACE} --wait --timeout 2m"
    shell.run(f"helm uninstall meshmigrate {helm} --ignore-not-found")
    shell.run(f"helm install meshmigrate charts/meshmigrate {helm} --create-namespace --hide-notes")


def start_postgres(shell: Shell, namespace: str) -> None:
    """Start a PostgreSQL server in a namespace that has the restricted Pod Security level."""
    kubectl = f"kubectl -n {namespace}"
    shell.run(f"kubectl create namespace {namespace}")
    shell.run(f"kubectl label namespace {namespace} pod-security.kubernetes.io/enforce=restricted")
    shell.run(
        f"{kubectl} create secret generic postgres --from-file=POSTGRES_PASSWORD=/dev/stdin",
        stdin=PASSWORD,
    )
    shell.run(f"{kubectl} apply -f {_POSTGRES.relative_to(Path.cwd())}")
    shell.run(f"{kubectl} rollout status deployment/postgres --timeout=2m")
