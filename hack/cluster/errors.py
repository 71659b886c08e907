"""What can go wrong, and the exit code it ends with."""


class ClusterError(Exception):
    """Something failed; the message names what, where, and what to do about it."""

    exit_code = 1


class UnmetNeedError(ClusterError):
    """The machine lacks something that only its owner can give: root, a kernel feature."""

    exit_code = 2
