"""Where files come from: an image by its digest, ConfigMaps beyond the size of one."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.cluster.kubernetes import Cluster
from tests.cluster.source_image import import_image, remove_image
from tests.cluster.tenant import Tenant, ready

FILES = {
    "migrations/1_a.sql": "create table a (id int);",
    "back/1_a.sql": "drop table a;",
    "checks/always_a.sql": "select true from a limit 0;",
    "other/2_b.sql": "create table b (id int);",
}
MakeImage = Callable[[Mapping[str, str], Mapping[str, str]], str]


@pytest.fixture
def make_image(tenant: Tenant, tmp_path: Path) -> Iterator[MakeImage]:
    """Give a way to bring an image of files and links to the node."""
    made: list[str] = []

    def make(files: Mapping[str, str], links: Mapping[str, str]) -> str:
        made.append(import_image(tenant.cluster, tmp_path, files, links))
        return made[-1]

    yield make
    for reference in made:
        remove_image(tenant.cluster, reference)


def test_an_image_is_migrated_from_by_its_digest(tenant: Tenant, make_image: MakeImage) -> None:
    """Migrations, rollback scripts and checks from folders of an image without a shell."""
    checks = {"checks/always_a.sql": "select true;"}
    links = {"migrations/2_b.sql": "../other/2_b.sql"}
    reference = make_image({**FILES, **checks}, links)
    tenant.secret()
    image = {"reference": reference, "rollbacksPath": "/back", "checksPath": "checks"}
    tenant.apply(source={"image": image})
    status = tenant.wait("Ready")
    assert status["lastRun"]["applied"] == {"count": 2, "first": "1", "last": "2"}
    scripts = tenant.query("select kind from meshmigrate.script order by 1")
    assert "rollback" in scripts


@pytest.mark.parametrize(
    "links",
    [
        {"migrations/9_secret.sql": "/run/meshmigrate/credentials/url"},
        {"away": "/run/meshmigrate"},
    ],
    ids=["file", "folder"],
)
def test_no_link_leads_out_of_an_image(
    tenant: Tenant, make_image: MakeImage, links: Mapping[str, str]
) -> None:
    """Not to the credentials, which an error message would quote."""
    reference = make_image(FILES, links)
    tenant.secret()
    path = "away" if "away" in links else "migrations"
    tenant.apply(source={"image": {"reference": reference, "migrationsPath": path}})
    status = tenant.wait("Stalled")
    assert (status["phase"], ready(status)["reason"]) == ("Refused", "SourceUnreadable")
    assert tenant.relations() == []


def test_an_image_that_is_not_there_is_named(tenant: Tenant) -> None:
    """The source's, not the runner's; with the Secret that might have helped."""
    reference = f"localhost/nowhere@sha256:{'0' * 64}"
    tenant.secret()
    job = {"imagePullSecrets": [{"name": "registry"}]}
    tenant.apply(source={"image": {"reference": reference, "pullPolicy": "Never"}}, job=job)
    message = tenant.wait_for_reason("ImagePullFailed")
    assert 'the Secrets "registry" of spec.job' in message
    assert f"the image {reference} of spec.source cannot be pulled" in message


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({}, "give exactly one of configMaps and image"),
        ({"image": {"reference": "a:latest"}}, "must end in the image's digest"),
        (
            {"image": {"reference": f"a@sha256:{'0' * 64}", "migrationsPath": "a/../.."}},
            "without ..",
        ),
        (
            {"image": {"reference": f"a@sha256:{'0' * 64}"}, "configMaps": [{"name": "web"}]},
            "give exactly one of configMaps and image",
        ),
        ({"configMaps": [{"name": f"web-{number}"} for number in range(21)]}, "Too many: 21"),
    ],
)
def test_a_source_that_cannot_be_meant_is_refused_by_kubectl(
    operator: Cluster, source: dict[str, object], said: str
) -> None:
    """With what is right."""
    assert said in Tenant(operator, "default").refused(source=source)


def test_config_maps_beyond_a_mebibyte_in_all(tenant: Tenant) -> None:
    """One may hold 1 MiB; four of 900 KiB are one source, applied and rolled back by scripts."""
    tenant.secret()
    filler = "-- " + "x" * 996 + "\n"
    for number in range(1, 5):
        sql = f"create table t{number} (id int);\n" + filler * 900
        tenant.config_map(f"web-{number}", {f"{number}_t.sql": sql})
    maps = [{"name": f"web-{number}"} for number in range(1, 5)]
    tenant.apply(source={"configMaps": maps})
    status = tenant.wait("Ready")
    assert status["lastRun"]["applied"] == {"count": 4, "first": "1", "last": "4"}
    total = tenant.query("select sum(length(text)) > 3 * 1024 * 1024 from meshmigrate.script")
    assert total == ["t"]
