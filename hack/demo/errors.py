"""What ends the demo early."""


class DemoError(Exception):
    """Something is not as promised; the message says what, and what to look at."""
