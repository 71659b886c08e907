"""Asking without a client: an answer, or none in time."""

import socket
import struct
import threading
from ipaddress import IPv4Address

from hack.cluster.api import accepts, resolve

LOCALHOST = IPv4Address("127.0.0.1")


def test_a_closed_port_is_no_answer() -> None:
    """Refused is as good as silent."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    assert not accepts(LOCALHOST, port)


def test_an_open_port_accepts() -> None:
    """A connection is enough, nothing is sent."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert accepts(LOCALHOST, server.getsockname()[1])


def test_a_name_is_asked_for_and_its_address_read() -> None:
    """The question is well-formed, and the answer's last bytes are the address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        asked = []

        def answer() -> None:
            question, client = server.recvfrom(512)
            asked.append(question)
            header = question[:2] + struct.pack(">HHHHH", 0x8580, 1, 1, 0, 0)
            record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 5, 4) + b"\x0a\x60\x00\x01"
            server.sendto(header + question[12:] + record, client)

        thread = threading.Thread(target=answer)
        thread.start()
        found = resolve(LOCALHOST, "kubernetes.default", port=server.getsockname()[1])
        thread.join(10)
    assert found == IPv4Address("10.96.0.1")
    assert asked[0][12:] == b"\x0akubernetes\x07default\x00\x00\x01\x00\x01"


def test_silence_is_no_address() -> None:
    """A server that does not answer is not waited for long."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        assert resolve(LOCALHOST, "kubernetes", port=server.getsockname()[1]) is None
