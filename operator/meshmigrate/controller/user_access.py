"""The cluster as the person or the CI job at the command line reaches it."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Final

import yaml
from kubernetes.aio import config
from kubernetes.aio.client import Configuration

from meshmigrate.controller import names
from meshmigrate.controller.api_requests import Answer, Transport, open_transport

_SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class NoCluster(Exception):
    """Nothing says which cluster, or what says it cannot be used."""


class UserAccess:
    """Reads resources of a cluster with the rights of whoever runs the program.

    As with kubectl, a kubeconfig comes first (KUBECONFIG, else ~/.kube/config), then the
    service account of a pod.
    """

    _transport: Transport
    namespace: str
    """That of the context, or of the pod."""

    def __init__(self, stack: AsyncExitStack, context: str | None) -> None:
        self._stack = stack
        self._context = context

    async def connect(self) -> None:
        """Read the credentials and open a client with them.

        Raises
        ------
        NoCluster
            If there are none.
        """
        configuration = Configuration()
        try:
            if self._context or _kubeconfig_exists():
                self.namespace = await _load_kubeconfig(configuration, self._context)
            else:
                config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]  # no types
                self.namespace = _SERVICE_ACCOUNT.read_text("utf-8").strip()
        except (config.ConfigException, OSError, yaml.YAMLError) as error:
            raise NoCluster(
                f"no cluster can be reached: {error}. A kubeconfig says where it is (KUBECONFIG, "
                "or ~/.kube/config), or the service account of a pod."
            ) from error
        self._transport = await self._stack.enter_async_context(open_transport(configuration))

    async def read(self, namespace: str, name: str) -> Answer:
        """Read a DatabaseMigration; credentials that are no longer accepted are read anew."""
        answer = await self._send(namespace, name)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            await self.connect()
            answer = await self._send(namespace, name)
        return answer

    async def _send(self, namespace: str, name: str) -> Answer:
        return await self._transport.send(
            "GET",
            f"/apis/{names.API_VERSION}/namespaces/{namespace}/{names.PLURAL}/{name}",
            query=(),
            body=None,
            content_type="application/json",
        )


@asynccontextmanager
async def user_access(context: str | None) -> AsyncIterator[UserAccess]:
    """Open the cluster that a context of the kubeconfig names, or the current one.

    Raises
    ------
    NoCluster
        If there is none.
    """
    async with AsyncExitStack() as stack:
        access = UserAccess(stack, context)
        await access.connect()
        yield access


def _kubeconfig_exists() -> bool:
    paths = config.KUBE_CONFIG_DEFAULT_LOCATION.split(os.pathsep)
    return any(Path(path).expanduser().exists() for path in paths if path)


async def _load_kubeconfig(configuration: Configuration, context: str | None) -> str:
    """Read the kubeconfig, and give the namespace of the context."""
    loader = await config.load_kube_config(  # type: ignore[no-untyped-call]  # no types
        context=context, client_configuration=configuration, persist_config=False
    )
    # Its other form, list_kube_config_contexts, would read all files again.
    chosen = loader._current_context["context"]  # noqa: SLF001  as said
    return str(chosen["namespace"]) if "namespace" in chosen else "default"
