"""The runner's credentials as the kubelet mounts them: a URL or parts, and the files of TLS."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from msgspec import convert
from msgspec.structs import replace

from meshmigrate.cli.mounted_credentials import MountedCredentials
from meshmigrate.domain.errors import Refusal, Unreachable
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import TLS, Access, Connection, ConnectionPart
from meshmigrate.engine.connect import connect
from tests.postgres.authorities import BY_CERTIFICATE, TLS_ONLY, Authorities, running_with_tls
from tests.postgres.harness import PASSWORD, Database, Project, make_spec
from tests.postgres.processes import Runner

pytestmark = pytest.mark.one_version  # what is read from where counts here

PARTS: tuple[ConnectionPart, ...] = ("host", "port", "dbname", "user", "password")


class Mount:
    """A projected volume: its files are links into a folder that is replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._generation = 0
        path.mkdir()

    def write(self, files: Mapping[str, str]) -> None:
        """Replace all files at once, readable for everybody, as the kubelet does."""
        self._generation += 1
        folder = self.path / f"..2026_{self._generation}"
        folder.mkdir()
        for name, text in files.items():
            folder.joinpath(name).write_text(text)
            folder.joinpath(name).chmod(0o444)
            link = self.path / name
            link.unlink(missing_ok=True)
            link.symlink_to(f"..data/{name}")
        fresh = self.path / "..data_tmp"
        fresh.symlink_to(folder.name)
        fresh.replace(self.path / "..data")


@pytest.fixture
def mount(tmp_path: Path) -> Mount:
    """Give an empty mount."""
    return Mount(tmp_path / "credentials")


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authorities]:
    """Give a server that has a certificate for ``localhost``."""
    with running_with_tls(tmp_path_factory.mktemp("authorities")) as found:
        yield found


def parts_of(database: Database) -> dict[str, str]:
    """Give the parts as an operator of PostgreSQL stores them."""
    return {
        "host": "127.0.0.1",
        "port": str(database.server.port),
        "dbname": database.name,
        "user": database.role,
        "password": PASSWORD,
    }


def user_of(mount: Mount, access: Access) -> str:
    """Connect, and give who one is then."""
    credentials = MountedCredentials(mount.path, access, "app")
    with closing(connect(credentials(), "test")) as connection:
        row = connection.execute("SELECT current_user").fetchone()
    return str(row and row[0])


def refused(mount: Mount, access: Access) -> Refusal:
    """Read or connect in vain, and give why."""
    with pytest.raises(Refusal) as caught:
        user_of(mount, access)
    return caught.value


NO_TLS = TLS(mode="disable")


@pytest.mark.parametrize("plain", [(), ("host", "dbname"), ("host", "port", "dbname", "user")])
def test_parts_connect_wherever_they_come_from(
    database: Database, mount: Mount, plain: tuple[str, ...]
) -> None:
    """All from a Secret, some beside it, or only the password from there."""
    parts = parts_of(database)
    mount.write({name: text for name, text in parts.items() if name not in plain})
    connection = convert(
        {**{name: parts[name] for name in plain}, "files": set(PARTS) - set(plain)}, Connection
    )
    assert user_of(mount, Access(connection=connection, tls=NO_TLS)) == database.role


@pytest.mark.parametrize(
    "smuggled", ["host=127.0.0.2 hostaddr=127.0.0.2", "postgres://x@127.0.0.2/x"]
)
def test_the_name_of_a_database_leads_nowhere_else(
    database: Database, mount: Mount, smuggled: str
) -> None:
    """It is asked of the host that was named, which has no such database."""
    mount.write({"password": PASSWORD})
    parts = parts_of(database) | {"dbname": smuggled}
    del parts["password"]
    connection = convert({**parts, "files": ["password"]}, Connection)
    with pytest.raises(Unreachable, match="does not exist") as caught:
        user_of(mount, Access(connection=connection, tls=NO_TLS))
    assert 'server at "127.0.0.1"' in str(caught.value)


@pytest.mark.parametrize("part", ["user", "password"])
def test_a_secret_that_a_resource_names_is_not_told(
    database: Database, mount: Mount, part: str
) -> None:
    """Whoever may write a resource would read any Secret of the namespace in its status."""
    secret = "token-" + "x7Qz" * 20
    mount.write(parts_of(database) | {part: secret})
    access = Access(connection=Connection(files=PARTS), tls=NO_TLS)
    error = refused(mount, access)
    assert error.reason is Reason.AUTHENTICATION_FAILED
    assert "x7Qz" not in str(error)


def test_a_secret_named_as_host_is_not_told(mount: Mount) -> None:
    """The resolver's message repeats it."""
    files = {"host": "token-x7qz.invalid", "dbname": "d", "user": "u", "password": "p"}
    mount.write(files)
    access = Access(connection=Connection(files=("host", "dbname", "user", "password")))
    with pytest.raises(Unreachable, match="resolve") as caught:
        user_of(mount, access)
    assert "x7qz" not in str(caught.value)
    assert "… is what the Secret holds" in str(caught.value)


def test_nothing_outside_of_the_mount_is_read(database: Database, mount: Mount) -> None:
    """Neither as a URL nor as a part nor as a file of TLS."""
    outside = mount.path.parent / "outside"
    outside.write_text(database.url)
    for name in ("url", "password", "root.crt", "tls.key"):
        mount.path.joinpath(name).symlink_to(outside)
    here = Connection(host="h", dbname="d", user="u")
    for access in (
        Access(),
        Access(connection=replace(here, files=("password",))),
        Access(connection=here, tls=TLS(root_certificate=str(mount.path / "root.crt"))),
        Access(connection=here, tls=TLS(client_key=str(mount.path / "tls.key"))),
    ):
        error = refused(mount, access)
        assert error.reason is Reason.CREDENTIALS_MISSING
        assert "leads out of the folder" in error.message


def test_a_file_that_is_not_there_is_named(mount: Mount) -> None:
    """With where it has to come from."""
    error = refused(mount, Access(connection=Connection(files=("host",))))
    assert "the file host of the credentials cannot be read" in error.message
    assert "spec.database" in error.hint


def test_a_changed_password_is_read_with_the_next_connection(
    database: Database, mount: Mount
) -> None:
    """All parts change together, as the volume is one."""
    mount.write(parts_of(database) | {"password": "wrong"})
    access = Access(connection=Connection(files=PARTS), tls=NO_TLS)
    credentials = MountedCredentials(mount.path, access, "app")
    assert credentials().values["password"] == "wrong"
    mount.write(parts_of(database))
    with closing(connect(credentials(), "test")) as connection:
        assert connection.info.user == database.role


def test_a_runner_carries_out_a_run_by_parts(
    database: Database, project: Project, tmp_path: Path
) -> None:
    """The whole process: what is plain in the run spec, what is secret in the folder."""
    project.migration("1", "CREATE TABLE a (x int)")
    parts = parts_of(database)
    password = parts.pop("password")
    connection = convert({**parts, "files": ["password"]}, Connection)
    access = Access(connection=connection, tls=NO_TLS)
    spec = replace(make_spec(project), database=access)
    with Runner(tmp_path, database, spec, parts={"password": password}) as runner:
        assert runner.wait() == 0
        assert runner.result.outcome is Outcome.SUCCEEDED


def certified(authorities: Authorities, mount: Mount, role: str, *, key: bool = True) -> Access:
    """Mount what a client needs, the key readable for everybody, as a volume has it."""
    certificate, private = authorities.client(role)
    files = {"password": PASSWORD, "root.crt": Path(authorities.right).read_text()}
    if key:
        files["tls.crt"] = Path(certificate).read_text()
        files["tls.key"] = Path(private).read_text()
    mount.write(files)
    connection = Connection(
        host="localhost",
        port=str(authorities.server.port),
        dbname="postgres",
        user=role,
        files=("password",),
    )
    here = str(mount.path)
    tls = TLS(
        root_certificate=f"{here}/root.crt",
        client_certificate=f"{here}/tls.crt" if key else "",
        client_key=f"{here}/tls.key" if key else "",
    )
    return Access(connection=connection, tls=tls)


def test_a_mounted_authority_verifies_the_server(authorities: Authorities, mount: Mount) -> None:
    """Where it is named, verify-full is meant."""
    access = certified(authorities, mount, TLS_ONLY, key=False)
    assert user_of(mount, access) == TLS_ONLY
    mount.write({"password": PASSWORD, "root.crt": Path(authorities.wrong).read_text()})
    assert refused(mount, access).reason is Reason.TLS_FAILED


def test_a_mounted_key_is_taken_although_everybody_may_read_it(
    authorities: Authorities, mount: Mount
) -> None:
    """The uid of a pod is not known beforehand; libpq takes only what is its own."""
    access = certified(authorities, mount, BY_CERTIFICATE)
    assert user_of(mount, access) == BY_CERTIFICATE


def test_a_rotated_client_certificate_is_read_anew(authorities: Authorities, mount: Mount) -> None:
    """Certificate and key change together; the connection after that has both."""
    access = certified(authorities, mount, BY_CERTIFICATE)
    credentials = MountedCredentials(mount.path, access, "app")
    first = credentials().values["sslkey"]
    assert credentials().values["sslkey"] == first
    connect(credentials(), "test").close()
    certified(authorities, mount, BY_CERTIFICATE)
    assert credentials().values["sslkey"] != first
    connect(credentials(), "test").close()


@pytest.mark.parametrize("broken", ["root.crt", "tls.crt", "tls.key"])
def test_a_file_of_tls_that_is_none_is_not_told(
    authorities: Authorities, mount: Mount, broken: str
) -> None:
    """Such as the content of another Secret; what it is needed for is."""
    access = certified(authorities, mount, BY_CERTIFICATE)
    names = ("password", "root.crt", "tls.crt", "tls.key")
    files = {name: mount.path.joinpath(name).read_text() for name in names}
    text = "-----BEGIN PRIVATE KEY-----\nx7Qzx7Qz\n-----END PRIVATE KEY-----\n"
    mount.write(files | {broken: text})
    error = refused(mount, access)
    assert error.reason is Reason.TLS_FAILED
    assert "x7Qz" not in f"{error} {error.hint}"
