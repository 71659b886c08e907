"""Who the server is, proven before a password is sent to it; each refusal says what to do."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from meshmigrate.domain.database_url import parse_database_url
from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import decode_result
from meshmigrate.domain.runspec import TLS, Access, TLSMode, encode_spec
from meshmigrate.domain.tls import with_tls
from meshmigrate.engine.connect import connect
from tests.postgres.authorities import BY_CERTIFICATE, TLS_ONLY, Authorities, running_with_tls
from tests.postgres.harness import PASSWORD, Project, make_spec
from tests.postgres.processes import command, environment
from tests.postgres.servers import Server


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authorities]:
    """Give a server that has a certificate for ``localhost``."""
    with running_with_tls(tmp_path_factory.mktemp("authorities")) as found:
        yield found


def secured(
    server: Server,
    query: str = "",
    tls: TLS = TLS(),  # noqa: B008  it is immutable
    *,
    host: str = "localhost",
    role: str = TLS_ONLY,
) -> str:
    """Connect with a URL and options, and give the version of TLS that the server sees."""
    credentials = f"{role}:{quote(PASSWORD, safe='')}"
    address = "&hostaddr=127.0.0.1" if host == "localhost" else ""
    place = f"{host}:{server.port}/postgres?{query}{address}"
    parameters = with_tls(parse_database_url(f"postgres://{credentials}@{place}"), tls)
    with closing(connect(parameters, "test")) as connection:
        row = connection.execute(
            "SELECT coalesce(version, '') FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        ).fetchone()
    return str(row[0] if row else "")


def refused(
    server: Server,
    query: str = "",
    tls: TLS = TLS(),  # noqa: B008  it is immutable
    *,
    host: str = "localhost",
    role: str = TLS_ONLY,
) -> Refusal:
    """Connect in vain, and give why."""
    with pytest.raises(Refusal) as caught:
        secured(server, query, tls, host=host, role=role)
    assert PASSWORD not in str(caught.value)
    return caught.value


def with_client(tls: Authorities, certificate: str, key: str) -> TLS:
    """Give the options of a client with a certificate."""
    return TLS(root_certificate=tls.right, client_certificate=certificate, client_key=key)


def test_the_right_authority_named_as_an_option_is_enough(tls: Authorities) -> None:
    """Authority and host name are verified without another word."""
    assert secured(tls.server, tls=TLS(root_certificate=tls.right)).startswith("TLSv1")


def test_the_right_authority_named_in_the_url_is_enough(tls: Authorities) -> None:
    """``sslrootcert`` means what it means to libpq, and the mode is still verify-full."""
    query = f"sslrootcert={quote(tls.right)}"
    assert secured(tls.server, query).startswith("TLSv1")
    assert refused(tls.server, query, host="127.0.0.1").reason is Reason.TLS_FAILED


@pytest.mark.parametrize("query", ["", "sslmode=verify-full"])
def test_the_authorities_of_the_system_are_the_default(
    tls: Authorities, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    """They are OpenSSL's, whether the URL asks for verify-full or for nothing."""
    assert refused(tls.server, query).reason is Reason.TLS_FAILED
    monkeypatch.setenv("SSL_CERT_FILE", tls.right)
    assert secured(tls.server, query).startswith("TLSv1")


def test_the_run_spec_says_it_to_the_runner(
    tls: Authorities, project: Project, tmp_path: Path
) -> None:
    """The operator's Jobs have no options: files are named in the spec."""
    project.migration("1", "SELECT 1")
    place = f"{TLS_ONLY}:{quote(PASSWORD, safe='')}@localhost:{tls.server.port}/postgres"
    tmp_path.joinpath("url").write_text(f"postgres://{place}?hostaddr=127.0.0.1")
    found = []
    mounted = tmp_path / "root.crt"
    for certificate in (tls.wrong, tls.right):
        shutil.copy(certificate, mounted)
        access = Access(tls=TLS(root_certificate=str(mounted)))
        spec = encode_spec(replace(make_spec(project), database=access))
        tmp_path.joinpath("spec").write_bytes(spec)
        files = [f"--{name}={tmp_path / name}" for name in ("spec", "result")]
        options = [*files, f"--credentials={tmp_path}"]
        subprocess.run(command("runner", *options), env=environment(), check=False, timeout=60)
        found.append(decode_result(tmp_path.joinpath("result").read_bytes()).reason)
    assert found == [Reason.TLS_FAILED, Reason.PERMISSION_DENIED]


def test_a_wrong_authority_is_refused_and_says_how_to_name_the_right_one(tls: Authorities) -> None:
    """Somebody else's certificate could be anybody's."""
    error = refused(tls.server, tls=TLS(root_certificate=tls.wrong))
    assert error.reason is Reason.TLS_FAILED
    assert "certificate verify failed" in error.message
    assert "--tls-root-certificate FILE" in error.hint


def test_a_wrong_host_name_is_refused_and_named(tls: Authorities) -> None:
    """The certificate is for localhost; verify-ca is the way out that the refusal names."""
    error = refused(tls.server, tls=TLS(root_certificate=tls.right), host="127.0.0.1")
    assert error.reason is Reason.TLS_FAILED
    assert "127.0.0.1" in error.message
    assert "--tls-mode verify-ca" in error.hint
    options = TLS(mode="verify-ca", root_certificate=tls.right)
    assert secured(tls.server, tls=options, host="127.0.0.1").startswith("TLSv1")


def test_the_option_wins_over_the_url(tls: Authorities) -> None:
    """``--tls-mode`` beats ``sslmode``, and a root certificate beats a mode without one."""
    assert secured(tls.server, "sslmode=disable", TLS(mode="require")).startswith("TLSv1")
    wrong = refused(tls.server, "sslmode=disable", TLS(root_certificate=tls.wrong))
    assert wrong.reason is Reason.TLS_FAILED
    wrong = refused(tls.server, "", TLS(mode="require", root_certificate=tls.wrong))
    assert wrong.reason is Reason.TLS_FAILED


def test_a_root_certificate_that_is_not_there_is_refused(tls: Authorities) -> None:
    """With ``require`` libpq would go on without verifying."""
    modes: tuple[TLSMode, ...] = ("", "require", "verify-full")
    for mode in modes:
        error = refused(tls.server, "", TLS(mode=mode, root_certificate="/nowhere/ca.pem"))
        assert error.reason is Reason.TLS_FAILED
        assert "/nowhere/ca.pem" in error.message


def test_a_mode_without_tls_and_a_certificate_contradict(tls: Authorities) -> None:
    """It is refused before anything is sent."""
    error = refused(tls.server, "", TLS(mode="disable", root_certificate=tls.right))
    assert error.reason is Reason.TLS_FAILED


def test_a_server_that_insists_on_tls_is_named(tls: Authorities) -> None:
    """Its words are kept, and the hint says to leave out what turned TLS off."""
    error = refused(tls.server, "sslmode=disable")
    assert error.reason is Reason.AUTHENTICATION_FAILED
    assert "--tls-mode" in error.hint


def test_channel_binding_is_libpqs_and_can_be_required(tls: Authorities) -> None:
    """With SCRAM over TLS it holds; without TLS the connection is refused."""
    query = f"sslrootcert={quote(tls.right)}&channel_binding=require"
    assert secured(tls.server, query).startswith("TLSv1")
    error = refused(tls.server, "sslmode=disable&channel_binding=require", role="app")
    assert error.reason is Reason.TLS_FAILED
    assert "channel_binding=require" in error.hint


def test_a_client_certificate_opens_without_a_password(tls: Authorities) -> None:
    """By options or by the URL."""
    certificate, key = tls.client(BY_CERTIFICATE)
    options = with_client(tls, certificate, key)
    found = secured(tls.server, "", options, role=BY_CERTIFICATE)
    assert found.startswith("TLSv1")
    files = f"sslrootcert={quote(tls.right)}&sslcert={quote(certificate)}&sslkey={quote(key)}"
    assert secured(tls.server, files, role=BY_CERTIFICATE).startswith("TLSv1")


def test_a_missing_client_certificate_is_asked_for(tls: Authorities) -> None:
    """The hint names both options."""
    error = refused(tls.server, "", TLS(root_certificate=tls.right), role=BY_CERTIFICATE)
    assert error.reason is Reason.TLS_FAILED
    assert "--tls-client-certificate FILE" in error.hint
    assert "--tls-client-key FILE" in error.hint


def test_a_client_certificate_in_another_name_is_refused(tls: Authorities) -> None:
    """It is the user that does not fit, and the hint says so."""
    certificate, key = tls.client("somebody_else")
    options = with_client(tls, certificate, key)
    error = refused(tls.server, "", options, role=BY_CERTIFICATE)
    assert error.reason is Reason.AUTHENTICATION_FAILED
    assert "user of the URL" in error.hint


def test_a_client_certificate_of_another_authority_is_refused(tls: Authorities) -> None:
    """The server does not know who signed it."""
    certificate, key = tls.client("stranger", of="wrong")
    options = with_client(tls, certificate, key)
    error = refused(tls.server, "", options, role=BY_CERTIFICATE)
    assert error.reason is Reason.TLS_FAILED
    assert "--tls-client-certificate FILE" in error.hint


def test_a_key_that_others_can_read_is_refused(tls: Authorities) -> None:
    """What libpq says about it names the mode that it wants."""
    certificate, key = tls.client("open_key", mode=0o644)
    options = with_client(tls, certificate, key)
    error = refused(tls.server, "", options, role=BY_CERTIFICATE)
    assert error.reason is Reason.TLS_FAILED
    assert "0600" in error.message
