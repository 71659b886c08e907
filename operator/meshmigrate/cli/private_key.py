"""A private key as libpq takes it, wherever it was mounted."""

import os


class PrivateKey:
    """Holds the key of a client certificate in memory, as a file that only this user may read.

    libpq refuses a key that others may read (PostgreSQL manual, "Client Certificates"). In a pod
    it has to be such a file: the kubelet makes root its owner, and the uid of the process is
    whatever the cluster has assigned.
    """

    def __init__(self) -> None:
        self._text = ""
        self._path = ""

    def hold(self, text: str) -> str:
        """Give the path of a file with this content.

        The file of another content before it stays: a connection that is just being made may
        still read it.
        """
        if text != self._text:
            descriptor = os.memfd_create("client-key", os.MFD_CLOEXEC)
            os.fchmod(descriptor, 0o600)
            with os.fdopen(os.dup(descriptor), "w") as file:
                file.write(text)
            self._text, self._path = text, f"/proc/self/fd/{descriptor}"
        return self._path
