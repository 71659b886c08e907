"""Notices as CloudEvents 1.0 in structured JSON mode (CloudEvents, "HTTP Protocol Binding" 3.2)."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID, uuid5

from msgspec import json, to_builtins

from meshmigrate.observe.notifications.notice import Notice
from meshmigrate.observe.notifications.text import compose, compose_many

CONTENT_TYPE: Final = "application/cloudevents+json"
_TYPE: Final = "dev.meshhook.migrations"
_API: Final = "/apis/migrations.meshhook.dev/v1alpha1"


def encode_event(told: Sequence[tuple[str, Notice]]) -> bytes:
    """Give one event: of the only notice, or of all of them, which are then in its data by id."""
    ids = [identity for identity, _ in told]
    notices = [notice for _, notice in told]
    event = _event_of_one(*told[0]) if len(told) == 1 else _event_of_many(ids, notices)
    return json.encode(event)


def _event_of_one(identity: str, notice: Notice) -> dict[str, Any]:
    message = compose(notice)
    return {
        **_attributes(identity, notice.outcome, notice.at),
        "source": _source(notice),
        "subject": notice.where,
        "data": {
            **to_builtins(notice),
            "severity": notice.severity,
            "title": message.title,
            "text": message.body,
        },
    }


def _event_of_many(ids: Sequence[str], notices: Sequence[Notice]) -> dict[str, Any]:
    message = compose_many(notices)
    identity = uuid5(UUID(ids[0]), " ".join(ids))
    return {
        **_attributes(str(identity), "Many", max(notice.at for notice in notices)),
        "source": f"{_API}/databasemigrations",
        "data": {
            "count": len(ids),
            "severity": message.severity,
            "title": message.title,
            "text": message.body,
            "notices": [
                {
                    "id": each,
                    "namespace": notice.namespace,
                    "name": notice.name,
                    "outcome": notice.outcome,
                    "reason": notice.reason,
                    "severity": notice.severity,
                    "runId": notice.run_id,
                }
                for each, notice in zip(ids, notices, strict=True)
            ],
        },
    }


def _attributes(identity: str, outcome: str, at: str) -> dict[str, str]:
    return {
        "specversion": "1.0",
        "id": identity,
        "type": f"{_TYPE}.{outcome}",
        "time": at,
        "datacontenttype": "application/json",
    }


def _source(notice: Notice) -> str:
    if not notice.name:
        return "/meshmigrate/cli"
    return f"{_API}/namespaces/{notice.namespace}/databasemigrations/{notice.name}"
