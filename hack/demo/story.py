"""The demo, act by act."""

from dataclasses import dataclass
from typing import Final

from hack.demo.evidence import (
    KUBECTL,
    METRICS,
    NAMESPACE,
    PSQL,
    condition,
    expect,
    failures_counted,
    places_with_the_password,
    query,
    resource,
)
from hack.demo.page import show_page
from hack.demo.setting import (
    DATABASE,
    PASSWORD,
    build_images,
    database_url,
    install_operator,
    start_cluster,
    start_postgres,
)
from hack.demo.shell import Shell
from hack.demo.terminal import Terminal

_APPLIED: Final = "select version, name from meshmigrate.applied order by ordinal"
_LOG: Final = "select id, event, version, outcome, error_code from meshmigrate.log order by id"
_DUMP: Final = (
    f"{KUBECTL} exec deployment/postgres -- pg_dump -U postgres -d {DATABASE}"
    " --schema-only --exclude-schema=meshmigrate | grep -v restrict | sha256sum"
)
_CONDITIONS: Final = (
    "-o jsonpath='{range .status.conditions[*]}"
    '{.type}={.status} {.reason}: {.message}{"\\n"}{end}\''
)
_PROOF: Final = (
    "-o jsonpath='before: {.status.lastRun.fingerprint.before}"
    '{"\\n"}after:  {.status.lastRun.fingerprint.after}{"\\n"}\''
)
_STORED: Final = (
    "select fingerprint_before, fingerprint_after from meshmigrate.run where outcome = 'RolledBack'"
)


@dataclass(frozen=True, slots=True)
class _Before:
    """The state that a failed release must leave behind."""

    versions: str
    checksum: str
    failures: float


def play(shell: Shell, terminal: Terminal) -> None:
    """Tell the whole story.

    Raises
    ------
    DemoError
        As soon as anything is not as promised.
    """
    _set_up(shell, terminal)
    _first_release(shell, terminal)
    before = _look(shell, terminal)
    _second_release(shell, terminal)
    _proof(shell, terminal)
    _nothing_changed(shell, terminal, before)
    _counted(shell, terminal, before)
    show_page(shell, terminal)
    _kept_secret(shell, terminal)
    _the_end(shell, terminal)


def _set_up(shell: Shell, terminal: Terminal) -> None:
    terminal.step("A Kubernetes cluster", "kind where Docker answers, plain processes elsewhere.")
    start_cluster(shell)
    shell.run(f"kubectl delete namespace {NAMESPACE} --ignore-not-found --wait=false")

    terminal.step("Images", "The product's own, and a PostgreSQL 15 to work on.")
    build_images(shell)

    terminal.step("The operator", "One chart; it may create Jobs, and read no Secret at all.")
    install_operator(shell)

    terminal.step("A database", "PostgreSQL in a namespace that allows only restricted pods.")
    shell.run(f"kubectl wait --for=delete namespace/{NAMESPACE} --timeout=2m")
    start_postgres(shell, NAMESPACE)

    terminal.step(
        "The credentials",
        "A database URL with the password as people paste it: not percent-encoded.",
    )
    terminal.note(f"(on standard input: {database_url('********')})")
    shell.run(
        f"{KUBECTL} create secret generic meshhook-secrets --from-file=DATABASE_URL=/dev/stdin",
        stdin=database_url(PASSWORD),
    )


def _first_release(shell: Shell, terminal: Terminal) -> None:
    terminal.step("The first release", "Nine migrations, their way back, and what must be true.")
    for kind in ("migrations", "rollbacks", "checks"):
        _config_map(shell, "webhooks", kind)
    shell.run("cat examples/manifests/webhooks.yaml")
    shell.run("kubectl apply -f examples/manifests/webhooks.yaml")
    shell.run(f"{KUBECTL} wait --for=condition=Ready --timeout=2m databasemigration/webhooks")
    shell.run(f"{KUBECTL} get dbmigrations -o wide")
    shell.run(f"{KUBECTL} get dbmigration webhooks {_CONDITIONS}")

    terminal.step("The log", "Who did what, and how it went; append-only, in the database itself.")
    shell.run(f'{PSQL} -c "{_LOG}"')
    applied = query(shell, "select count(*) from meshmigrate.applied")
    expect("nine versions are applied", holds=applied == ["9"])
    terminal.good("nine versions applied, each with its row in the same transaction")


def _look(shell: Shell, terminal: Terminal) -> _Before:
    terminal.step("Before the second release", "What the database is now, to compare later.")
    return _Before(
        versions=shell.run(f'{PSQL} -c "{_APPLIED}"'),
        checksum=shell.run(_DUMP),
        failures=failures_counted(shell.ask(METRICS)),
    )


def _second_release(shell: Shell, terminal: Terminal) -> None:
    terminal.step("The second release", "Three more migrations; the third one is wrong.")
    shell.run("cat examples/broken/migrations/*_contact_email_required.sql")
    for kind in ("migrations", "rollbacks"):
        _config_map(shell, "broken", kind)
    shell.run("kubectl apply -f examples/manifests/broken.yaml")
    shell.run(f"{KUBECTL} wait --for=condition=Stalled --timeout=2m databasemigration/broken")
    shell.run(f"{KUBECTL} get dbmigration broken {_CONDITIONS}")
    shell.run(
        f"{KUBECTL} get pods -l migrations.meshhook.dev/run -o custom-columns="
        "POD:.metadata.name,EXIT:.status.containerStatuses[0].state.terminated.exitCode"
    )
    last = resource(shell, "broken")["status"]["lastRun"]
    expect("the run is rolled back", holds=last["outcome"] == "RolledBack")
    expect("two versions were undone", holds=last["rolledBack"]["count"] == 2)  # noqa: PLR2004
    expect("the failing file is named", holds="20260112090200" in last["failure"]["file"])
    terminal.good("RolledBack: the two versions before the wrong one were undone by their scripts")


def _proof(shell: Shell, terminal: Terminal) -> None:
    terminal.step("The proof", "A fingerprint of the schema: stored before the run, taken after.")
    shell.run(f"{KUBECTL} get databasemigration broken {_PROOF}")
    shell.run(f'{PSQL} -c "{_STORED}"')
    schema = resource(shell, "broken")["status"]["lastRun"]["fingerprint"]
    expect("both hashes are equal", holds=schema["before"] == schema["after"])
    stored = query(shell, _STORED)
    expect("the ledger has them, too", holds=stored == [f"{schema['before']}|{schema['after']}"])
    ready = condition(shell, "broken", "RollbackReady")
    expect("the way back was known before", holds=ready["status"] == "True")
    terminal.good(f"both hashes are equal; known before the first statement: {ready['reason']}")


def _nothing_changed(shell: Shell, terminal: Terminal, before: _Before) -> None:
    terminal.step("The database is as before", "The same versions, and the same schema.")
    versions = shell.run(f'{PSQL} -c "{_APPLIED}"')
    checksum = shell.run(_DUMP)
    expect("the applied versions are as before", holds=versions == before.versions)
    expect("the schema is as before", holds=checksum == before.checksum)
    shell.run(f'{PSQL} -c "{_LOG} desc limit 12"')
    undone = query(shell, "select count(*) from meshmigrate.log where outcome = 'RolledBack'")
    expect("the log tells of the way back", holds=undone != ["0"])
    terminal.good("same versions, same schema checksum; the log has kept what happened")


def _counted(shell: Shell, terminal: Terminal, before: _Before) -> None:
    terminal.step("The failure is counted", "What an alert would see.")
    counted = failures_counted(
        shell.run(f"{METRICS} | grep -e ^meshmigrate_runs_total -e unhealthy{{")
    )
    expect("the metrics count one more failure", holds=counted == before.failures + 1)
    terminal.good("one more RolledBack than before")


def _kept_secret(shell: Shell, terminal: Terminal) -> None:
    terminal.step("The password", "Looked for in every resource, event, log, metric and row.")
    found = places_with_the_password(shell)
    expect(f"no password in {', '.join(found)}", holds=not found)
    terminal.good("it is in the Secrets, and nowhere else")


def _the_end(shell: Shell, terminal: Terminal) -> None:
    terminal.step("The end", "One Succeeded, one RolledBack.")
    shell.run("kubectl get dbmigrations -A")
    phases = sorted(resource(shell, name)["status"]["phase"] for name in ("webhooks", "broken"))
    expect("one Succeeded and one RolledBack", holds=phases == ["RolledBack", "Succeeded"])
    terminal.note("")
    terminal.note('Look around:  eval "$(python3 -m hack.cluster env)"')
    terminal.note(f"              kubectl -n {NAMESPACE} describe dbmigration broken")
    terminal.note(
        f"              {KUBECTL} exec -it deployment/postgres -- psql -U postgres {DATABASE}"
    )
    terminal.note("Again:        make demo")
    terminal.note("Clean up:     make cluster-down")


def _config_map(shell: Shell, release: str, kind: str) -> None:
    shell.run(f"{KUBECTL} create configmap {release}-{kind} --from-file=examples/{release}/{kind}")
