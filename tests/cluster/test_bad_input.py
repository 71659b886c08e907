"""Bad input: nothing changed in the database, a reason, and a message that says what to do."""

import base64
from typing import Any

import pytest

from hack.demo.setting import PASSWORD
from tests.cluster.tenant import HOST, Tenant, ready

GOOD = {"1_a.sql": "create table a (id int);"}


def assert_refused(tenant: Tenant, reason: str, *said: str) -> None:
    """Hold a resource to a refusal with this reason that says all of this."""
    status = tenant.wait("Stalled")
    assert (status["phase"], ready(status)["reason"]) == ("Refused", reason), ready(status)
    for part in said:
        assert part in ready(status)["message"]
    assert tenant.relations() == []


def test_a_missing_secret_is_named_and_may_appear_later(tenant: Tenant) -> None:
    """Pending with SecretNotFound; once it is created the run goes on by itself."""
    tenant.config_map("web", GOOD)
    tenant.apply()
    message = tenant.wait_for_reason("SecretNotFound")
    assert 'Secret "db" does not exist' in message
    assert '"DATABASE_URL"' in message
    tenant.secret()
    assert tenant.wait("Ready", seconds=150)["runNumber"] == 1


def test_a_missing_key_is_named(tenant: Tenant) -> None:
    """The Secret is there, the key is not."""
    tenant.secret(key="URL")
    tenant.config_map("web", GOOD)
    tenant.apply()
    assert 'no key "DATABASE_URL"' in tenant.wait_for_reason("SecretKeyNotFound")
    assert tenant.relations() == []


def test_a_missing_config_map_is_named_and_an_edit_supersedes(tenant: Tenant) -> None:
    """The name was wrong: the corrected spec runs at once, nobody waits for a timeout."""
    tenant.secret()
    tenant.config_map("web", GOOD)
    tenant.apply(source={"configMaps": [{"name": "wep"}]})
    assert 'ConfigMap "wep" does not exist' in tenant.wait_for_reason("ConfigMapNotFound")
    tenant.apply()
    status = tenant.wait("Ready", seconds=30)
    assert status["runNumber"] == 2
    assert status["history"][-1]["outcome"] == "Superseded"


@pytest.mark.parametrize(
    ("files", "reason", "said"),
    [
        ({"README.md": "no SQL here"}, "EmptySource", ()),
        (
            {"1_a.sql": "select 1;", "001_b.sql": "select 2;"},
            "DuplicateVersion",
            ("1_a.sql", "001_b.sql"),
        ),
        (
            {**GOOD, "2_b.sql": "select 1;\nselect\n  'é' as x,, 2;"},
            "SyntaxError",
            ("web/2_b.sql:3:12",),
        ),
        ({**GOOD, "2_b.sql": "select 1;\nCOMMIT;"}, "TransactionControl", ("web/2_b.sql:2",)),
        ({**GOOD, "2_b.sql": "\\i other.sql"}, "PsqlMetaCommand", ("web/2_b.sql:1",)),
        ({**GOOD, "2_b.sql": "copy a from stdin;"}, "CopyFromStdin", ("web/2_b.sql:1",)),
    ],
    ids=["empty", "duplicate", "syntax", "commit", "meta-command", "copy"],
)
def test_bad_files_are_refused(
    tenant: Tenant, files: dict[str, str], reason: str, said: tuple[str, ...]
) -> None:
    """Before anything runs, with the place."""
    tenant.secret()
    tenant.config_map("web", files)
    tenant.apply()
    assert_refused(tenant, reason, *said)


def test_a_file_that_is_not_utf_8_is_refused(tenant: Tenant) -> None:
    """A ConfigMap may hold any bytes."""
    tenant.secret()
    latin = base64.b64encode("select 'é';".encode("latin-1")).decode()
    tenant.config_map("web", GOOD, binary={"2_b.sql": latin})
    tenant.apply()
    assert_refused(tenant, "InvalidEncoding", "2_b.sql")


def test_a_migration_that_deletes_data_is_refused_until_that_is_allowed(tenant: Tenant) -> None:
    """The message names place, statement and table; a plan for approval says who has allowed it."""
    tenant.query("create table carts (id int)")
    tenant.secret()
    tenant.config_map("web", {**GOOD, "2_b.sql": "select 1;\ndrop table carts;"})
    tenant.apply()
    status = tenant.wait("Stalled")
    assert (status["phase"], ready(status)["reason"]) == ("Refused", "HazardNotAllowed")
    said = ready(status)["message"]
    assert "web/2_b.sql:2:1" in said
    assert "DROP TABLE deletes data (table carts, dropped)" in said
    assert "-- meshmigrate: allow DeletesData" in said
    assert tenant.relations() == ["public.carts"]
    allowed = {"hazards": {"allow": ["DeletesData"]}}
    tenant.patch(policy={**allowed, "approval": "Required"})
    tenant.wait_for_reason("AwaitingApproval")
    (hazard,) = tenant.status()["plan"]["hazards"]
    assert hazard.endswith("(table carts, dropped); allowed for this run")
    tenant.patch(policy={**allowed, "approval": "None"})
    assert tenant.wait("Ready")["lastRun"]["outcome"] == "Succeeded"
    assert {"public.a", "public.carts"} & set(tenant.relations()) == {"public.a"}


def test_a_wrong_password_is_refused(tenant: Tenant) -> None:
    """Not retried: the server would lock the role out."""
    tenant.secret(tenant.url.replace(PASSWORD, "wrong"))
    tenant.config_map("web", GOOD)
    tenant.apply()
    assert_refused(tenant, "AuthenticationFailed")


def test_an_unreachable_database_is_tried_again(tenant: Tenant) -> None:
    """Pending with the cause; past the retry deadline Stalled, and still tried."""
    tenant.secret("postgres://postgres:x@127.0.0.1:1/db?sslmode=disable")
    tenant.config_map("web", GOOD)
    tenant.apply()
    assert "the next follows at" in tenant.wait_for_reason("DatabaseUnreachable")
    assert tenant.status()["phase"] == "Pending"
    tenant.apply(policy={"retry": {"deadlineSeconds": 0}})
    status = tenant.wait("Stalled")
    assert (status["phase"], ready(status)["reason"]) == ("Retrying", "DatabaseUnreachable")


def test_an_unescaped_url_is_understood_where_it_is_unambiguous(tenant: Tenant) -> None:
    """`@`, `#`, `%`, `/` and `:` in the password, as people paste it."""
    assert set("@#%/:") <= set(PASSWORD)
    assert PASSWORD in tenant.url
    tenant.secret()
    tenant.config_map("web", GOOD)
    tenant.apply()
    tenant.wait("Ready")


def test_an_ambiguous_url_is_refused_without_an_echo(tenant: Tenant) -> None:
    """Two readings are possible: none is tried, no part is shown."""
    tenant.secret(f"postgres://postgres:hidden@two/w@{HOST}/{tenant.name}")
    tenant.config_map("web", GOOD)
    tenant.apply()
    assert_refused(tenant, "InvalidDatabaseURL")
    assert "hidden" not in str(tenant.status())


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"sauce": {}}, 'unknown field "spec.sauce"'),
        ({"policy": {"onFailure": "rollback"}}, 'supported values: "Rollback", "Halt"'),
        ({"policy": {"hazards": {"allow": ["Deletes"]}}}, 'supported values: "DeletesData"'),
        ({"policy": {"deadlineSeconds": 0}}, "should be greater than or equal to 1"),
        ({"target": "v5"}, "must be latest, or the digits of a version"),
        ({"target": -1}, "must be latest, or the digits of a version"),
        ({"ledger": {"schema": "pg_mine"}}, "not start with pg_"),
        ({"source": {"configMaps": []}}, "should have at least 1 items"),
        (
            {"source": {"configMaps": [{"name": "web", "content": "rollbacks"}]}},
            "needs at least one entry with content: migrations",
        ),
        ({"source": {"configMaps": [{"name": "a"}, {"name": "a"}]}}, "Duplicate value"),
    ],
)
def test_a_bad_manifest_is_refused_by_kubectl(
    tenant: Tenant, spec: dict[str, Any], said: str
) -> None:
    """`kubectl apply` itself says what is right."""
    assert said in tenant.refused(**spec)
