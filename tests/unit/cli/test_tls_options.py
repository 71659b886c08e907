"""What is said beside the URL wins over it, wherever it is read."""

import pytest
from click.testing import CliRunner

from meshmigrate.cli.main import main
from meshmigrate.cli.start import read_credentials
from meshmigrate.domain.runspec import TLS

NOWHERE = "postgres://app:secret@127.0.0.1:1/shop?sslmode=require"


@pytest.mark.parametrize("command", ["status", "log"])
def test_the_options_are_read(command: str) -> None:
    """A contradiction in them is refused before anybody is asked to connect."""
    options = ["--tls-mode=disable", "--tls-root-certificate=ca.pem", "--json"]
    options += ["--tls-client-certificate=c.pem", "--tls-client-key=c.key"]
    shown = CliRunner().invoke(main, [command, f"--database-url={NOWHERE}", *options])
    assert shown.exit_code == 10
    assert "TLS is disabled, and yet has a file: ca.pem, c.pem, c.key" in shown.output


def test_files_and_mode_become_libpqs_keywords() -> None:
    """A root certificate wants to be used: require becomes verify-full."""
    tls = TLS(root_certificate="ca.pem", client_certificate="c.pem", client_key="c.key")
    values = read_credentials(lambda: NOWHERE, tls).values
    assert values["sslmode"] == "verify-full"
    assert (values["sslrootcert"], values["sslcert"], values["sslkey"]) == (
        "ca.pem",
        "c.pem",
        "c.key",
    )
