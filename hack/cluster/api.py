"""Ask the running cluster, without a client: whether it is ready, and whether names resolve."""

import json
import socket
import ssl
import struct
import urllib.request
from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Any

from hack.cluster.pki import Pki

# What the node lifecycle controller sets (kubernetes.io, taints and tolerations).
_UNREADY_TAINTS = {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}
_SECONDS = 2.0
_TYPE_A, _CLASS_IN, _RECURSION_DESIRED = 1, 1, 0x0100
_DNS_HEADER = struct.Struct(">HHHHHH")


class Api:
    """The API server, as the administrator sees it."""

    def __init__(self, pki: Pki) -> None:
        self._server = pki.server
        self._token = pki.token("admin")
        # Straight to the node's address: a proxy in the environment does not know it.
        context = ssl.create_default_context(cafile=str(pki.ca))
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

    def get(self, path: str) -> str | None:
        """Return what is at a path, or None if there is no good answer within 2 s."""
        request = urllib.request.Request(  # noqa: S310 - the address is our own, always https
            self._server + path, headers={"Authorization": f"Bearer {self._token}"}
        )
        try:
            with self._opener.open(request, timeout=_SECONDS) as answer:
                return str(answer.read().decode())
        except (OSError, ValueError):
            return None

    def is_ready(self) -> bool:
        """Whether the API server calls itself ready."""
        return self.get("/readyz") == "ok"

    def node_is_ready(self, name: str) -> bool:
        """Whether the node is Ready and its controller lets pods onto it.

        Other taints, such as that of a cordoned node, are somebody's will.
        """
        found = self._json(f"/api/v1/nodes/{name}")
        conditions = found.get("status", {}).get("conditions", [])
        taints = {taint["key"] for taint in found.get("spec", {}).get("taints", [])}
        ready = any(row["type"] == "Ready" and row["status"] == "True" for row in conditions)
        return ready and not taints & _UNREADY_TAINTS

    def has_service_account(self) -> bool:
        """Whether pods can be created in the default namespace."""
        return bool(self._json("/api/v1/namespaces/default/serviceaccounts/default"))

    def _json(self, path: str) -> Mapping[str, Any]:
        text = self.get(path)
        return json.loads(text) if text else {}


def accepts(address: IPv4Address, port: int) -> bool:
    """Whether something accepts connections at an address."""
    try:
        socket.create_connection((str(address), port), timeout=_SECONDS).close()
    except OSError:
        return False
    return True


def resolve(server: IPv4Address, name: str, *, port: int = 53) -> IPv4Address | None:
    """Ask a DNS server for a name's address (RFC 1035), or None without an answer."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    header = _DNS_HEADER.pack(0x6D6D, _RECURSION_DESIRED, 1, 0, 0, 0)
    question = labels + b"\0" + struct.pack(">HH", _TYPE_A, _CLASS_IN)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(_SECONDS / 4)
        try:
            asking.sendto(header + question, (str(server), port))
            answer = asking.recv(512)
        except OSError:
            return None
    _, _, _, answers, _, _ = _DNS_HEADER.unpack_from(answer)
    # Of an answer with one record and no others, the address is the last thing.
    return IPv4Address(answer[-4:]) if answers else None
