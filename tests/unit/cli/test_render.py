"""What CI applies: ConfigMaps named by their content, and the resource that names them."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from meshmigrate.cli.config_maps import MOST_BYTES, pack
from meshmigrate.cli.main import main
from meshmigrate.cli.yaml_text import dump_documents
from meshmigrate.source.folder import RawFile

NO_CI = {"GITHUB_ACTIONS": "", "GITLAB_CI": "", "MESHMIGRATE_ACTOR": "", "TRACEPARENT": ""}
SECRET = "meshhook-secrets/DATABASE_URL"
BASE = """\
apiVersion: migrations.meshhook.dev/v1alpha1
kind: DatabaseMigration
metadata:
  name: web
  namespace: meshhook
  labels: {team: data}
spec:
  database:
    url: {secretKeyRef: {name: meshhook-secrets, key: DATABASE_URL}}
  policy: {onFailure: Halt}
  provenance: {ref: of-the-file, actor: of-the-file}
"""

Json = dict[str, Any]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a checkout with two migrations, a rollback script and a check."""
    files = {
        "migrations/1_a.sql": "create table a (id int);\n",
        "migrations/2_b.sql": "create table b (id int);",
        "rollbacks/2_b.sql": "drop table b;\n",
        "checks/always_c.sql": "select true;\n",
        "base.yaml": BASE,
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments: str, **environment: str) -> Result:
    """Run ``meshmigrate render``."""
    return CliRunner().invoke(main, ["render", *arguments], env={**NO_CI, **environment})


def rendered(*arguments: str, **environment: str) -> list[Json]:
    """Give the documents that are printed."""
    shown = invoke(*arguments, **environment)
    assert shown.exit_code == 0, shown.output
    return list(yaml.safe_load_all(shown.stdout))


@pytest.mark.usefixtures("checkout")
def test_the_resource_names_every_config_map() -> None:
    """And says what each holds; the ConfigMaps come first, so that they are there in time."""
    *config_maps, resource = rendered("web", "--secret", SECRET)
    assert resource["kind"] == "DatabaseMigration"
    assert resource["metadata"]["name"] == "web"
    assert resource["spec"]["database"] == {
        "url": {"secretKeyRef": {"name": "meshhook-secrets", "key": "DATABASE_URL"}}
    }
    named = resource["spec"]["source"]["configMaps"]
    assert [each["content"] for each in named] == ["migrations", "rollbacks", "checks"]
    assert [each["name"] for each in named] == [each["metadata"]["name"] for each in config_maps]
    assert config_maps[0]["data"] == {
        "1_a.sql": "create table a (id int);\n",
        "2_b.sql": "create table b (id int);",
    }
    assert all(each["immutable"] for each in config_maps)


@pytest.mark.usefixtures("checkout")
def test_the_same_input_gives_the_same_bytes() -> None:
    """So that a commit without a change changes nothing, and nothing is applied."""
    first, second = (invoke("web", "--secret", SECRET).stdout_bytes for _ in range(2))
    assert first == second


def test_the_span_of_the_job_is_written_on_the_resource(checkout: Path) -> None:
    """From TRACEPARENT, beside other annotations; what is no traceparent is passed over."""
    base = BASE.replace("  labels:", "  annotations: {team: data}\n  labels:")
    checkout.joinpath("base.yaml").write_text(base)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    annotations = {"team": "data", "migrations.meshhook.dev/traceparent": trace}
    for said, written in ((trace, annotations), ("none", {"team": "data"})):
        resource = rendered("--from", "base.yaml", TRACEPARENT=said)[-1]
        assert resource["metadata"]["annotations"] == written


def test_other_content_gives_another_name(checkout: Path) -> None:
    """Of that ConfigMap only; that is what starts a run."""
    before = [each["metadata"]["name"] for each in rendered("web", "--secret", SECRET)]
    checkout.joinpath("migrations", "2_b.sql").write_text("create table b (id bigint);")
    after = [each["metadata"]["name"] for each in rendered("web", "--secret", SECRET)]
    assert before[0] != after[0]
    assert before[1:] == after[1:]


def test_line_ends_and_marks_are_kept_as_they_are(checkout: Path) -> None:
    """What is applied is what lies in the repository, byte for byte."""
    data = "\ufeffselect 1; \t\r\n-- ünï ☃ 🐘 \u2028 \x7f\n\n  select 2".encode()
    checkout.joinpath("migrations", "3_c.sql").write_bytes(data)
    config_map = rendered("web", "--secret", SECRET)[0]
    assert config_map["data"]["3_c.sql"].encode() == data


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_text_survives_yaml(text: str) -> None:
    """As a value and as a key."""
    document = {"data": {text: text}}
    assert list(yaml.safe_load_all(dump_documents([document]))) == [document]


@pytest.mark.parametrize("word", ["y", "N", "on", "null", "1e5", "0010", "1_000", "0o7", ".5", "~"])
def test_what_some_reader_takes_for_no_text_is_quoted(word: str) -> None:
    """YAML 1.1, 1.2 and their readers do not agree."""
    assert dump_documents([{"ref": word}]) in {
        f"---\nref: {quote}{word}{quote}\n" for quote in "'\""
    }


def test_a_forbidden_statement_is_refused_with_its_place(checkout: Path) -> None:
    """As `plan` does, before anything is printed."""
    checkout.joinpath("migrations", "3_c.sql").write_text("select 1;\nCOMMIT;\n")
    shown = invoke("web", "--secret", SECRET)
    assert shown.exit_code == 10
    assert shown.stdout == ""
    assert shown.stderr.startswith("migrations/3_c.sql:2:1: COMMIT")


def test_a_wrong_check_and_a_wrong_rollback_script_are_refused_too(checkout: Path) -> None:
    """Whatever would be refused later is refused now."""
    checkout.joinpath("checks", "always_c.sql").write_text("drop table a;")
    assert "always_c.sql:1:1" in invoke("web", "--secret", SECRET).stderr
    checkout.joinpath("checks", "always_c.sql").unlink()
    checkout.joinpath("rollbacks", "2_b.sql").write_text("drop tabel b;")
    assert "rollbacks/2_b.sql:1:6" in invoke("web", "--secret", SECRET).stderr


def test_a_name_that_no_config_map_takes_is_refused(checkout: Path) -> None:
    """With what to do about it."""
    checkout.joinpath("migrations", "3_add tenant.sql").write_text("select 1;")
    shown = invoke("web", "--secret", SECRET)
    assert shown.exit_code == 10
    assert "migrations/3_add tenant.sql: a ConfigMap takes no file of this name" in shown.stderr


def test_a_file_that_no_config_map_takes_is_refused(checkout: Path) -> None:
    """It belongs into an image."""
    text = "select 1;\n-- " + "x" * MOST_BYTES
    checkout.joinpath("migrations", "3_c.sql").write_text(text)
    shown = invoke("web", "--secret", SECRET)
    assert shown.exit_code == 10
    assert "spec.source.image" in shown.stderr


def files(*sizes: int) -> list[RawFile]:
    """Give migrations of so many bytes."""
    return [
        RawFile(f"{number}_x.sql", f"migrations/{number}_x.sql", b"x" * size)
        for number, size in enumerate(sizes, 8)
    ]


def test_files_are_divided_in_order_of_their_numbers() -> None:
    """Each ConfigMap is small enough for a plain `kubectl apply`."""
    maps = pack("web", [("migrations", files(*[50_000] * 12))])
    assert [len(each.data) for each in maps] == [4, 4, 4]
    assert next(iter(maps[0].data)) == "8_x.sql"
    assert list(maps[1].data) == ["12_x.sql", "13_x.sql", "14_x.sql", "15_x.sql"]
    assert not any(each.large for each in maps)


def test_a_file_that_is_added_changes_only_the_last_config_map() -> None:
    """The others stay as they are in the cluster."""
    before = pack("web", [("migrations", files(*[50_000] * 12))])
    after = pack("web", [("migrations", files(*[50_000] * 14))])
    assert [each.name for each in after[:3]] == [each.name for each in before]


def test_more_than_twenty_small_ones_become_fewer_large_ones() -> None:
    """A resource names twenty; a large one is applied on the server's side."""
    maps = pack("web", [("migrations", files(*[200_000] * 60))])
    assert len(maps) == 12
    assert all(each.large for each in maps)
    assert all(sum(map(len, each.data.values())) <= MOST_BYTES for each in maps)


def test_a_large_one_says_how_it_is_applied(checkout: Path) -> None:
    """On standard error: the output stays what kubectl reads."""
    checkout.joinpath("migrations", "3_c.sql").write_text("-- <" + "x" * 300_000)
    assert "kubectl apply --server-side" in invoke("web", "--secret", SECRET).stderr


def test_two_files_of_one_name_go_into_two_config_maps() -> None:
    """As checks of two folders may be called the same."""
    twice = [RawFile("always_a.sql", f"{folder}/always_a.sql", b"select true") for folder in "ab"]
    maps = pack("web", [("checks", twice)])
    assert [list(each.data) for each in maps] == [["always_a.sql"], ["always_a.sql"]]


@pytest.mark.usefixtures("checkout")
def test_a_resource_without_source_is_completed() -> None:
    """Every other field stays as it is; namespace and labels are those of the ConfigMaps too."""
    config_map, *_, resource = rendered("--from", "base.yaml", "--label", "stage=prod")
    label = "migrations.meshhook.dev/rendered-for"
    assert resource["metadata"] == {
        "name": "web",
        "namespace": "meshhook",
        "labels": {"team": "data", "stage": "prod", label: "web"},
    }
    assert resource["spec"]["policy"] == {"onFailure": "Halt"}
    assert config_map["metadata"]["namespace"] == "meshhook"
    assert config_map["metadata"]["labels"] == {"stage": "prod", label: "web"}


@pytest.mark.usefixtures("checkout")
def test_the_command_line_wins_over_the_file() -> None:
    """Any field of the spec can be set; a value is JSON where it is that."""
    *_, resource = rendered(
        *("shop", "--from", "base.yaml", "--namespace", "shop"),
        *("--set", "policy.onFailure=Rollback", "--set", "spec.policy.retry.deadlineSeconds=60"),
        *("--set", "target=0010", "--set", 'database.searchPath=["app"]'),
    )
    assert resource["metadata"]["name"] == "shop"
    assert resource["metadata"]["namespace"] == "shop"
    assert resource["spec"]["policy"] == {
        "onFailure": "Rollback",
        "retry": {"deadlineSeconds": 60},
    }
    assert resource["spec"]["target"] == "0010"
    assert resource["spec"]["database"]["searchPath"] == ["app"]


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("policy.onFailur=Halt", "onFailur"),
        ("policy.onFailure=halt", "policy.onFailure"),
        ("allowRollback=yes", "allowRollback"),
    ],
)
def test_a_spec_that_the_operator_does_not_know_is_refused(assignment: str, said: str) -> None:
    """Here, and not only in the cluster."""
    shown = invoke("--from", "base.yaml", "--set", assignment)
    assert shown.exit_code == 10
    assert said in shown.stderr


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--secret", SECRET], "which resource?"),
        (["web"], "which database?"),
        (["web", "--secret", "db"], "'db' has no /"),
        (["web", "--secret", SECRET, "--set", "target"], "'target' has no ="),
        (["web", "--secret", SECRET, "--set", "source.image=x"], "render writes"),
        (["web", "--secret", SECRET, "--set", "target.x.y=1", "--set", "target.x=1"], ""),
        (["web", "--secret", SECRET, "--set", "a=1", "--set", "a.b=1"], "a has no fields"),
        (["w" * 64, "--secret", SECRET], "longer than 63"),
    ],
)
def test_too_little_or_nonsense_is_a_usage_error(arguments: list[str], said: str) -> None:
    """With what is missing."""
    shown = invoke(*arguments)
    assert shown.exit_code == (2 if said else 10), shown.output
    assert said in shown.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "base.yaml:1: the file is not YAML"),
        ("a: 1\n---\nb: 2\n", "holds 2 documents"),
        ("kind: ConfigMap\n", "this is no DatabaseMigration"),
        (BASE + "  source: {configMaps: []}\n", "spec.source is there already"),
        (BASE + "status: {}\n", "has no status"),
        (BASE.partition("spec:")[0] + "spec: 1\n", "spec is not a mapping"),
    ],
)
def test_a_file_that_cannot_be_completed_is_refused(checkout: Path, text: str, said: str) -> None:
    """With its name."""
    checkout.joinpath("base.yaml").write_text(text)
    shown = invoke("--from", "base.yaml")
    assert shown.exit_code == 10
    assert said in shown.stderr


@pytest.mark.usefixtures("checkout")
def test_a_file_that_is_not_there_is_refused() -> None:
    """With its name."""
    shown = invoke("--from", "nowhere.yaml")
    assert (shown.exit_code, shown.stderr.partition(":")[0]) == (10, "nowhere.yaml")


@pytest.mark.usefixtures("checkout")
def test_github_actions_say_where_the_change_comes_from() -> None:
    """What they do not know the file says."""
    *_, resource = rendered(
        *("--from", "base.yaml"),
        GITHUB_ACTIONS="true",
        GITHUB_SHA="4d7974a",
        GITHUB_REF="refs/heads/main",
        GITHUB_SERVER_URL="https://git.example.com",
        GITHUB_REPOSITORY="meshhook/web",
        GITHUB_RUN_ID="42",
        GITHUB_ACTOR="",
    )
    assert resource["spec"]["provenance"] == {
        "commit": "4d7974a",
        "ref": "refs/heads/main",
        "actor": "of-the-file",
        "runURL": "https://git.example.com/meshhook/web/actions/runs/42",
    }


@pytest.mark.usefixtures("checkout")
def test_gitlab_ci_does_too_and_options_win() -> None:
    """An option is also a variable, for other systems."""
    *_, resource = rendered(
        *("--from", "base.yaml", "--actor", "ada"),
        GITLAB_CI="true",
        CI_COMMIT_SHA="4d7974a",
        CI_COMMIT_REF_NAME="main",
        CI_JOB_URL="https://git.example.com/meshhook/web/-/jobs/42",
        GITLAB_USER_LOGIN="bob",
        MESHMIGRATE_REF="v1",
    )
    assert resource["spec"]["provenance"] == {
        "commit": "4d7974a",
        "ref": "v1",
        "actor": "ada",
        "runURL": "https://git.example.com/meshhook/web/-/jobs/42",
    }


def test_a_folder_gets_one_file_that_holds_everything(checkout: Path) -> None:
    """It replaces the one before, so that nothing old stays behind."""
    shown = invoke("--from", "base.yaml", "--output", "deploy/rendered")
    assert (shown.exit_code, shown.output) == (0, "")
    written = checkout / "deploy" / "rendered"
    assert [path.name for path in written.iterdir()] == ["web.yaml"]
    assert written.joinpath("web.yaml").read_text() == invoke("--from", "base.yaml").stdout
    invoke("--from", "base.yaml", "--output", "deploy/rendered", "--set", "target=1")
    found = list(yaml.safe_load_all(written.joinpath("web.yaml").read_text()))
    assert json.dumps(found[-1]["spec"]["target"]) == "1"


@pytest.mark.usefixtures("checkout")
def test_a_folder_that_cannot_be_written_is_a_usage_error() -> None:
    """A file of its name, for example."""
    shown = invoke("--from", "base.yaml", "--output", "base.yaml")
    assert shown.exit_code == 2
    assert "cannot be written" in shown.stderr


def test_the_example_can_be_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it stands, with the migrations of the other example."""
    examples = Path(__file__).parents[3] / "examples"
    monkeypatch.chdir(examples / "webhooks")
    base = examples / "github-actions" / "deploy" / "web.yaml"
    *config_maps, resource = rendered("--from", str(base))
    assert resource["metadata"]["namespace"] == "meshhook"
    assert len(config_maps) == 3
