"""Certificates of gateways at a real Mosquitto: the common name is the account, revoked is out."""

import os
import shutil
import signal
import ssl
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import paho.mqtt.client as paho
import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from paho.mqtt.enums import CallbackAPIVersion

from tests import servers
from tests.integration.test_dynamic_security import PREFIX, Guarded, guarded
from tests.processes import Command

__all__ = ["guarded"]
Run = Callable[..., Command]


class Secured(NamedTuple):
    """A guarded Mosquitto with a second listener for certificates, and our commands beside it."""

    guarded: Guarded
    port: int
    folder: Path
    run: Callable[..., str]
    crl: Path


@pytest.fixture
def secured(
    fengsui: Run, database: str, enterprise: str, guarded: Guarded, tmp_path: Path
) -> Iterator[Secured]:
    """A Mosquitto that requires certificates of our authority."""
    folder = tmp_path / "certificates"

    def run(*words: str, code: int = 0) -> str:
        command = fengsui(
            "gateway", *words,
            database_url=database, broker_url=guarded.url, broker_access="dynsec",
        )  # fmt: skip
        assert command.wait(60) == code, command.report()
        return command.output() + command.errors()

    run("broker-certificate", "127.0.0.1", "localhost", "--out", str(folder))
    server = guarded.server
    server.stop()
    inside = server._home.outside(server._folder)
    run("revocations", str(folder / "crl.pem"))
    for name in ("ca.crt", "broker.crt", "broker.key", "crl.pem"):
        shutil.copy(folder / name, inside / name)
        os.chown(inside / name, inside.stat().st_uid, inside.stat().st_gid)
    port = servers.free_port()
    with (inside / "mosquitto.conf").open("a") as configuration:
        configuration.write(
            f"listener {port} 127.0.0.1\n"
            f"cafile {server._folder}/ca.crt\ncertfile {server._folder}/broker.crt\n"
            f"keyfile {server._folder}/broker.key\ncrlfile {server._folder}/crl.pem\n"
            "require_certificate true\nuse_identity_as_username true\n"
        )
    server.start()
    yield Secured(guarded, port, folder, run, inside / "crl.pem")


class Client:
    """A gateway with a certificate, of any name it likes."""

    def __init__(self, secured: Secured, name: str, *, certificate: str | None) -> None:
        self.answers: list[str] = []
        self.published: dict[int, int] = {}
        self.ended: list[str] = []
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"c-{name}-{id(self)}",
            protocol=paho.MQTTv5,
            reconnect_on_failure=False,
        )
        own = [
            None if certificate is None else str(secured.folder / f"{certificate}.{kind}")
            for kind in ("crt", "key")
        ]
        self.client.tls_set(str(secured.folder / "ca.crt"), certfile=own[0], keyfile=own[1])
        self.client.username_pw_set(name)
        self.client.on_connect = lambda _c, _u, _f, code, _p: self.answers.append(str(code))
        self.client.on_publish = lambda _c, _u, mid, code, _p: self.published.update(
            {mid: code.value}
        )
        self.client.on_disconnect = lambda _c, _u, _f, code, _p: self.ended.append(str(code))
        try:
            self.client.connect("127.0.0.1", secured.port)
        except (ssl.SSLError, ConnectionError) as fault:
            self.ended.append(str(fault))
            return
        self.client.loop_start()
        servers.until(
            lambda: bool(self.answers or self.ended), deadline_s=10, what="CONNACK, or the end"
        )

    @property
    def entered(self) -> bool:
        """Tell whether the broker let it in."""
        return self.answers == ["Success"]

    def heard(self, topic: str) -> bool:
        """Publish and tell whether the broker took it."""
        mid = self.client.publish(topic, b"x", qos=1).mid
        servers.until(
            lambda: mid in self.published or self.ended, deadline_s=10, what=f"PUBACK of {topic}"
        )
        return self.published.get(mid, 255) < 128


def test_a_certificate_is_the_gateway_whatever_name_it_gives(secured: Secured) -> None:
    for name in ("gw-1", "gw-2"):
        secured.run("create", name, "--enterprise", "E-1")
    secured.run("certificate", "gw-1", "--out", str(secured.folder))
    key = secured.folder / "gw-1.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    gateway = Client(secured, "gw-2", certificate="gw-1")
    assert gateway.entered
    assert gateway.heard(f"{PREFIX}/gw-1/readings")
    assert not gateway.heard(f"{PREFIX}/gw-2/readings")
    assert not Client(secured, "gw-1", certificate=None).entered


def test_a_revoked_gateway_is_cut_off_and_its_certificate_lets_nobody_in(secured: Secured) -> None:
    secured.run("create", "gw-1", "--enterprise", "E-1")
    secured.run("certificate", "gw-1", "--out", str(secured.folder))
    gateway = Client(secured, "gw-1", certificate="gw-1")
    assert gateway.heard(f"{PREFIX}/gw-1/readings")
    secured.run("revoke", "gw-1")
    servers.until(lambda: bool(gateway.ended), deadline_s=2, what="the connection to end")
    again = Client(secured, "gw-1", certificate="gw-1")
    assert not again.entered or not again.heard(f"{PREFIX}/gw-1/readings")
    secured.run("certificate", "gw-1", code=1)


def test_one_certificate_is_revoked_by_the_list_and_the_other_goes_on(secured: Secured) -> None:
    secured.run("create", "gw-1", "--enterprise", "E-1")
    secured.run("certificate", "gw-1", "--out", str(secured.folder))
    for kind in ("crt", "key"):
        (secured.folder / f"gw-1.{kind}").rename(secured.folder / f"old.{kind}")
    secured.run("certificate", "gw-1", "--out", str(secured.folder))
    assert Client(secured, "gw-1", certificate="old").entered
    old = x509.load_pem_x509_certificate((secured.folder / "old.crt").read_bytes())
    assert "no certificate ffff" in secured.run("revoke-certificate", "gw-1", "ffff", code=1)
    secured.run("revoke-certificate", "gw-1", f"{old.serial_number:x}")
    secured.run("revocations", str(secured.crl))
    process = secured.guarded.server._process
    assert process is not None
    process.send_signal(signal.SIGHUP)
    servers.until(
        lambda: not Client(secured, "gw-1", certificate="old").entered,
        deadline_s=10, what="the old certificate to be refused",
    )  # fmt: skip
    assert Client(secured, "gw-1", certificate="gw-1").entered


def test_a_gateway_may_keep_its_key_to_itself(secured: Secured) -> None:
    secured.run("create", "gw-1", "--enterprise", "E-1")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gw-other")]))
        .sign(key, hashes.SHA256())
    )
    csr = secured.folder / "gw-1.csr"
    csr.write_bytes(request.public_bytes(serialization.Encoding.PEM))
    secured.run("certificate", "gw-1", "--csr", str(csr), "--out", str(secured.folder))
    assert not (secured.folder / "gw-1.key").exists()
    (secured.folder / "gw-1.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    gateway = Client(secured, "gw-other", certificate="gw-1")
    assert gateway.heard(f"{PREFIX}/gw-1/readings")
    csr.write_text("no request")
    assert "cannot be read" in secured.run("certificate", "gw-1", "--csr", str(csr), code=1)


def test_certificates_are_written_down_without_their_keys(secured: Secured, database: str) -> None:
    secured.run("create", "gw-1", "--enterprise", "E-1")
    secured.run("certificate", "gw-1", "--out", str(secured.folder), "--days", "30")
    with psycopg.connect(database) as conn:
        trail = conn.execute("select action, after::text from audit_trail order by id").fetchall()
        (row,) = conn.execute("select serial, fingerprint from gateway_certificate").fetchall()
    assert trail[-1][0] == "gateway_certificate"
    assert row[0] in trail[-1][1]
    assert "PRIVATE" not in trail[-1][1]
    made = x509.load_pem_x509_certificate((secured.folder / "gw-1.crt").read_bytes())
    assert made.fingerprint(hashes.SHA256()).hex() == row[1]
    assert row[0] in secured.run("certificates", "gw-1")
