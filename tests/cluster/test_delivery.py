"""From a folder in a checkout to a migrated database, with the tools that people use for it."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from random import Random

import pytest
import yaml

from meshmigrate.cli.yaml_text import dump_documents
from tests.cluster.kubernetes import ROOT, Cluster, Json, eventually
from tests.cluster.tenant import Tenant
from tests.gitops_rules import argo_health, flux_status

PROGRAM = (sys.executable, "-c", "from meshmigrate.cli.main import main; main()")
SECRET = ("--secret", "db/DATABASE_URL")
LABEL = "migrations.meshhook.dev/rendered-for=web"
ODD_FILES = {
    "1_plain.sql": b"create table a (id int);\n",
    "2_line_ends.sql": b"create table b (\r\n\tid int  \r\n);\r\n/* a lone \r stays */",
    "3_marks.sql": "\ufeff-- ünï 🐘 \u2028 \x85 \x7f \x1b[0m\nselect 1;".encode(),
    "4_blanks.sql": b"\n\n   -- begins with blanks  \n\tselect 1;\n\n\n",
    "5_words.sql": b"-- {{ .Values.x }} ${HOME} <b>&amp;</b> \\n \" ' : # | > - ? % @ `\n",
    "6_" + "n" * 200 + ".sql": b"---\n",
    "7_nothing.sql": b"",
    "8_other_line_ends.sql": "-- a \x85 b\n-- c \u2028 d \u2029\n".encode(),
}
LETTERS = (
    " \t\n\r  ab:#-'\"|>\\%@`{}[]&*!?,.~01eé🐘\u2028\u2029\x85\x7f\x1b\ufeff\ufffd\ue000\U0010ffff"
)


def folder(tmp_path: Path, files: dict[str, bytes]) -> Path:
    """Make a folder of migrations."""
    made = tmp_path / "migrations"
    made.mkdir(exist_ok=True)
    for name, data in files.items():
        made.joinpath(name).write_bytes(data)
    return made


def meshmigrate(tenant: Tenant, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    return tenant.cluster.attempt(*PROGRAM, *arguments)


def render(tenant: Tenant, migrations: Path, *arguments: str) -> str:
    """Render a folder for the resource ``web``."""
    given = ("--migrations", str(migrations), "--namespace", tenant.name, *SECRET, *arguments)
    done = meshmigrate(tenant, "render", "web", *given)
    assert done.returncode == 0, done.stderr
    return done.stdout


def wait(tenant: Tenant, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Wait for the resource ``web``."""
    return meshmigrate(tenant, "wait", "web", "-n", tenant.name, "--timeout", "120s", *arguments)


def rendered_maps(tenant: Tenant) -> list[Json]:
    """Give the ConfigMaps in the namespace that were rendered."""
    items: list[Json] = tenant.cluster.get("-n", tenant.name, "configmaps", "-l", LABEL)["items"]
    return items


def test_kubectl_reads_any_text_as_it_is(cluster: Cluster) -> None:
    """Its YAML is not Python's: five thousand odd texts pass through both."""
    random = Random(4711)  # noqa: S311  the same texts each time
    lengths = (random.randrange(60) for _ in range(5000))
    texts = {f"{n}.sql": "".join(random.choices(LETTERS, k=k)) for n, k in enumerate(lengths)}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": texts}
    read = ("label", "--local", "-f", "-", "a=b", "-o", "json")
    assert json.loads(cluster.kubectl(*read, stdin=dump_documents([manifest])))["data"] == texts


def test_files_arrive_byte_for_byte(tenant: Tenant, tmp_path: Path) -> None:
    """Through YAML, kubectl and the API; and what is applied again is unchanged."""
    tenant.secret()
    manifest = render(tenant, folder(tmp_path, ODD_FILES))
    tenant.cluster.kubectl("apply", "-f", "-", stdin=manifest)
    (config_map,) = rendered_maps(tenant)
    data = {name: text.encode() for name, text in config_map.get("data", {}).items()}
    binary = config_map.get("binaryData", {})
    assert data | {name: b64decode(text) for name, text in binary.items()} == ODD_FILES
    done = wait(tenant)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Succeeded: applied 8 versions" in done.stdout
    again = tenant.cluster.kubectl("apply", "-f", "-", stdin=manifest)
    assert {line.split()[-1] for line in again.splitlines()} == {"unchanged"}


def test_more_than_one_config_map_holds(tenant: Tenant, tmp_path: Path) -> None:
    """Twenty times 100 KiB are applied by a plain kubectl, in order."""
    tenant.secret()
    padding = b"-- " + b"x" * 100 * 1024 + b"\n"
    files = {f"{n}_t.sql": padding + b"create table t%d ();\n" % n for n in range(1, 21)}
    manifest = render(tenant, folder(tmp_path, files))
    tenant.cluster.kubectl("apply", "-f", "-", stdin=manifest)
    assert len(rendered_maps(tenant)) == 10
    assert wait(tenant).returncode == 0
    assert tenant.query("select max(version::int) from meshmigrate.applied") == ["20"]


def test_wait_never_takes_an_older_success_for_the_end(tenant: Tenant, tmp_path: Path) -> None:
    """It begins at once after `kubectl apply`, and ends as the new run does."""
    tenant.secret()
    migrations = folder(tmp_path, {"1_a.sql": b"create table a (id int);\n"})
    tenant.cluster.kubectl("apply", "-f", "-", stdin=render(tenant, migrations))
    assert wait(tenant).returncode == 0
    first = rendered_maps(tenant)
    folder(tmp_path, {"2_b.sql": b"create table b (\n  id nosuch\n);\n"})
    prune = ("--prune", "--prune-allowlist=core/v1/ConfigMap", "-n", tenant.name, "-l", LABEL)
    tenant.cluster.kubectl("apply", *prune, "-f", "-", stdin=render(tenant, migrations))
    done = wait(tenant, "--migrations", str(migrations))
    assert done.returncode == 21, done.stdout + done.stderr
    assert f"{migrations}/2_b.sql:2:6: CREATE TABLE: type" in done.stderr
    assert "  2 |   id nosuch\n" in done.stderr
    names = {each["metadata"]["name"] for each in rendered_maps(tenant)}
    assert names.isdisjoint(each["metadata"]["name"] for each in first)


def kubeconfig_of(tenant: Tenant, account: str, path: Path) -> dict[str, str]:
    """Make a ServiceAccount, and give the environment of who has its token."""
    here = ("-n", tenant.name)
    tenant.cluster.kubectl(*here, "create", "serviceaccount", account)
    config = json.loads(tenant.cluster.kubectl("config", "view", "--raw", "--minify", "-o=json"))
    token = tenant.cluster.kubectl(*here, "create", "token", account).strip()
    config["users"][0]["user"] = {"token": token}
    config["contexts"][0]["context"]["namespace"] = tenant.name
    path.write_text(json.dumps(config))
    return {**tenant.cluster.environment, "KUBECONFIG": str(path)}


def grant(tenant: Tenant, account: str, page: str) -> None:
    """Give a ServiceAccount the rights of the Role in a page of the documentation."""
    text = ROOT.joinpath("docs", page).read_text("utf-8")
    (found,) = re.findall(r"```yaml\n(apiVersion: rbac.*?)```", text, re.DOTALL)
    role = {**yaml.safe_load(found), "metadata": {"name": account}}
    here = ("-n", tenant.name)
    tenant.cluster.kubectl(*here, "create", "-f", "-", stdin=json.dumps(role))
    whom = (f"--role={account}", f"--serviceaccount={tenant.name}:{account}")
    tenant.cluster.kubectl(*here, "create", "rolebinding", account, *whom)


def test_the_documented_role_is_enough_to_wait(tenant: Tenant, tmp_path: Path) -> None:
    """And what is missing is told by name."""
    environment = kubeconfig_of(tenant, "ci", tmp_path / "kubeconfig")
    waiting = Tenant(Cluster(environment), tenant.name)

    def ask() -> subprocess.CompletedProcess[str]:
        return meshmigrate(waiting, "wait", "web", "--timeout", "1s")

    assert "the verb get on databasemigrations is what it takes" in ask().stderr
    grant(tenant, "ci", "cli.md")
    missing = ask()
    assert missing.returncode == 2
    assert "not found: apply the resource first" in missing.stderr
    tenant.apply()  # it waits for its ConfigMap
    done = ask()
    assert done.returncode == 33, done.stderr
    assert "the run has not ended in time" in done.stderr


def test_the_documented_role_is_enough_for_ci(tenant: Tenant, tmp_path: Path) -> None:
    """The commands of the example, as they stand in it."""
    text = ROOT.joinpath("examples", "github-actions", "migrate.yaml").read_text("utf-8")
    steps = {step.get("name"): step for step in yaml.safe_load(text)["jobs"]["migrate"]["steps"]}
    script = steps["Apply"]["run"] + steps["Wait"]["run"]
    environment = kubeconfig_of(tenant, "ci", tmp_path / "kubeconfig")
    grant(tenant, "ci", "gitops.md")
    tenant.secret(key="DATABASE_URL")
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "meshmigrate"
    program.write_text("#!/bin/sh\nexec " + shlex.join(PROGRAM) + ' "$@"\n')
    program.chmod(0o755)
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "examples" / "github-actions" / "deploy", checkout / "deploy")
    base = checkout / "deploy" / "web.yaml"
    own = base.read_text().replace("name: meshhook-secrets", "name: db")
    base.write_text(own.replace("namespace: meshhook", f"namespace: {tenant.name}"))
    folder(checkout, {"1_a.sql": b"create table a (id int);\n"})
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace("meshhook ", f"{tenant.name} ")],
        cwd=checkout,
        env={
            **environment,
            "PATH": f"{programs}:{environment['PATH']}",
            "PYTHONPATH": str(ROOT / "operator"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Succeeded: applied 1 version" in done.stdout


def test_kubectl_waits_and_finds(tenant: Tenant) -> None:
    """By condition, by a field, and by the phase."""
    cluster, here = tenant.cluster, ("-n", tenant.name)
    tenant.secret()
    tenant.config_map("web", {"1_a.sql": "create table a (id int);"})
    tenant.config_map("bad", {"1_a.sql": "create table a (id nosuch);"})
    tenant.apply()
    cluster.kubectl(*here, "wait", "--for=condition=Succeeded", "--timeout=120s", "dbm/web")
    cluster.kubectl(*here, "wait", "--for=condition=Ready", "--timeout=5s", "dbmigration/web")
    tenant.apply("bad", source={"configMaps": [{"name": "bad"}]}, ledger={"schema": "other"})
    phase = "--for=jsonpath={.status.phase}=Failed"
    cluster.kubectl(*here, "wait", phase, "--timeout=120s", "databasemigration/bad")
    cluster.kubectl(*here, "wait", "--for=condition=Stalled", "--timeout=5s", "dbm/bad")
    found = cluster.kubectl(*here, "get", "dbm", "--field-selector=status.phase=Failed", "-o=name")
    assert found == "databasemigration.migrations.meshhook.dev/bad\n"
    header, row, _ = cluster.kubectl(*here, "get", "dbmigrations", "-o", "wide").splitlines()
    assert {"PHASE", "REASON", "RUN", "DURATION", "MESSAGE"} <= set(header.split())
    assert row.split()[:4] == ["bad", "Failed", "1", "StatementFailed"]
    assert 'type "nosuch" does not exist' in row
    assert "bad" in cluster.kubectl(*here, "get", "all")


def test_the_health_rules_hold_on_real_resources(tenant: Tenant) -> None:
    """Before the operator has looked, while a run works, and at either end."""
    cluster, here = tenant.cluster, ("-n", tenant.name)

    def judged(body: Json) -> tuple[str, str]:
        return flux_status(body), argo_health(body)["status"]

    tenant.secret()
    slow = "create table a (id int); select pg_advisory_xact_lock(4711);"
    tenant.config_map("web", {"1_a.sql": slow})
    dry = ("apply", "--dry-run=server", "-o", "json", "-f", "-")
    fresh = json.loads(cluster.kubectl(*here, *dry, stdin=tenant.manifest()))
    assert judged(fresh) == ("inProgress", "Progressing")
    with tenant.advisory_lock():
        tenant.apply()
        eventually("the migration is in its middle", tenant.waiting_for_advisory_lock)
        assert judged(cluster.get(*here, "dbm/web")) == ("inProgress", "Progressing")
    tenant.wait("Ready")
    assert judged(cluster.get(*here, "dbm/web")) == ("current", "Healthy")
    tenant.apply(target=7)
    tenant.wait("Stalled")
    assert judged(cluster.get(*here, "dbm/web")) == ("failed", "Degraded")


def test_kubectl_explains_every_field(operator: object, tenant: Tenant) -> None:
    """The CRD is the one source; what kubectl shows of it is complete."""
    del operator
    told = tenant.cluster.kubectl("explain", "databasemigration.spec", "--recursive")
    fields = yaml.safe_load(ROOT.joinpath("crds", "databasemigrations.yaml").read_text("utf-8"))
    spec = fields["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    for name in spec["properties"]:
        assert re.search(rf"(?m)^  {name}\t<", told), name
    deep = tenant.cluster.kubectl("explain", "databasemigration.spec.policy.onFailure")
    assert "What happens when a migration fails." in " ".join(deep.split())


def make_chart(tenant: Tenant, path: Path, sql: bytes) -> Path:
    """Make a chart that migrates before it installs nothing else."""
    chart = path / "chart"
    chart.joinpath("templates").mkdir(parents=True)
    chart.joinpath("Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 1.0.0\n")
    manifest = render(tenant, folder(path, {"1_a.sql": sql}))
    chart.joinpath("templates", "web.yaml").write_text(manifest)
    return chart


@pytest.mark.parametrize(
    ("sql", "status"),
    [(b"create table a (id int);", "deployed"), (b"create table a (id nosuch);", "failed")],
)
def test_helm_waits_for_the_migration(
    tenant: Tenant, tmp_path: Path, sql: bytes, status: str
) -> None:
    """A release is deployed when its database is, and failed when that failed."""
    tenant.secret()
    chart = str(make_chart(tenant, tmp_path, sql))
    here = ("--namespace", tenant.name)
    install = ("helm", "install", "web", chart, *here, "--wait", "--timeout", "120s")
    done = tenant.cluster.attempt(*install)
    assert (done.returncode == 0) == (status == "deployed"), done.stderr
    told = json.loads(tenant.cluster.run("helm", "status", "web", *here, "-o", "json"))
    assert told["info"]["status"] == status
    ready = tenant.wait("Ready" if status == "deployed" else "Stalled", seconds=1)
    assert ready["phase"] == ("Succeeded" if status == "deployed" else "Failed")
