"""A notice as the operator makes it."""

from typing import Any

from meshmigrate.observe.notifications.notice import Notice

RUN = "22a0faa0-df40-570a-a1dc-cd17913917f7"
ID = "0f0f0f0f-df40-570a-a1dc-cd17913917f7"


def notice(outcome: str = "RolledBack", **changes: Any) -> Notice:
    """Give one; fields may be given."""
    fields: dict[str, Any] = {
        "outcome": outcome,
        "reason": "StatementFailed",
        "message": 'web/3_c.sql:4:7: relation "t" does not exist (SQLSTATE 42P01). Correct it.',
        "at": "2026-01-02T03:04:08Z",
        "run_id": RUN,
        "run_number": 3,
        "attempts": 1,
        "duration_seconds": 2.04,
        "namespace": "shop",
        "name": "web",
        "database": "app",
        "version": "2",
        "actor": "ada",
        "commit": "c0ffee",
        "ref": "main",
        "run_url": "https://ci.example.com/7",
    }
    return Notice(**{**fields, **changes})
