"""Keys and certificates that strict clients accept, and that stay the same."""

import base64
import json
import ssl
import subprocess
from pathlib import Path

import pytest

from hack.cluster.network import addresses_from
from hack.cluster.paths import Cache
from hack.cluster.pki import Pki


@pytest.fixture
def pki(cache: Cache) -> Pki:
    """Give finished keys in the test's own cache."""
    made = Pki(cache, addresses_from({}))
    made.ensure()
    return made


@pytest.mark.parametrize("name", ["apiserver", "kubelet", "kubelet-client"])
def test_certificates_pass_strict_verification(pki: Pki, name: str) -> None:
    """OpenSSL's strict mode is Python's default from 3.13 on."""
    certificate, _ = pki.pair(name)
    command = ["openssl", "verify", "-x509_strict", "-CAfile", str(pki.ca), str(certificate)]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_the_server_is_known_by_every_address(pki: Pki) -> None:
    """The node's address, the Service's and its names are in the certificate."""
    certificate, _ = pki.pair("apiserver")
    command = ["openssl", "x509", "-in", str(certificate), "-noout", "-ext", "subjectAltName"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for name in ("10.88.0.1", "10.96.0.1", "DNS:kubernetes.default.svc.cluster.local"):
        assert name in names


def test_a_kubeconfig_stands_alone(pki: Pki) -> None:
    """It refers to no other file, and its token is the user's."""
    config = json.loads(pki.kubeconfig("admin").read_text())
    authority = base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"])
    ssl.create_default_context(cadata=authority.decode())
    assert config["users"][0]["user"] == {"token": pki.token("admin")}
    assert config["clusters"][0]["cluster"]["server"] == "https://10.88.0.1:6443"


def test_keys_are_kept_for_the_same_addresses(cache: Cache, pki: Pki) -> None:
    """An exported kubeconfig stays valid over the next start, unless the addresses change."""
    token = pki.token("admin")
    pki.ensure()
    assert pki.token("admin") == token
    other = Pki(cache, addresses_from({"MESHMIGRATE_POD_NETWORK": "10.214.0.0/16"}))
    other.ensure()
    assert other.token("admin") != token


def test_half_made_keys_are_made_again(pki: Pki) -> None:
    """Without the mark of the end everything is made anew, over whatever is there."""
    (pki.folder / "finished").unlink()
    pki.tokens.unlink()
    pki.ensure()
    assert pki.token("admin")


@pytest.mark.usefixtures("pki")
def test_keys_are_nobody_elses(cache: Cache) -> None:
    """The folder of keys is closed to other users."""
    assert Path(cache.pki).stat().st_mode & 0o777 == 0o700
