"""DATABASE_URL as people paste it."""

import datetime as dt
import ssl
from pathlib import Path
from typing import Any

import anyio
import asyncpg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.config.test_settings import PRODUCTION
from tests.support.client import Person, fresh_user
from tests.support.program import todo_api
from tests.support.proxy import Proxy, socket_of
from tests.support.service import Service, free_port
from todo_api.config.environment import SettingsError
from todo_api.db.migrations import connect_directly
from todo_api.db.url import connect_arguments, is_pooler, refuse_plain_text

NEON = "ep-cool-darkness-a1b2c3d4.eu-central-1.aws.neon.tech"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            f"postgresql://neondb_owner:npg_a1B2@{NEON}/neondb?sslmode=require&channel_binding=require",
            {"host": [NEON], "port": [5432], "user": "neondb_owner", "password": "npg_a1B2", "database": "neondb"},
        ),
        ("postgres://u@h:6543/d", {"host": ["h"], "port": [6543], "user": "u", "database": "d"}),
        ("postgresql://u:p%40%2F%3A%23%3F%25%20é@h/d", {"password": "p@/:#?% é"}),
        ("postgresql://u:p@ss#w:rd+1@h/d", {"password": "p@ss#w:rd+1", "host": ["h"]}),
        ("postgresql://a%40b:p@h", {"user": "a@b", "password": "p"}),
        ("postgresql://u@[2001:db8::1]:5433/d", {"host": ["2001:db8::1"], "port": [5433]}),
        ("postgresql://u@[::1]/d", {"host": ["::1"], "port": [5432]}),
        ("postgresql://u@%2Fvar%2Frun%2Fpg/d", {"host": ["/var/run/pg"]}),
        ("postgresql:///d?host=/var/run/pg&port=5433&user=u", {"host": ["/var/run/pg"], "port": [5433], "user": "u"}),
        ("postgresql://u@a:1,b:2/d", {"host": ["a", "b"], "port": [1, 2]}),
        ("postgresql://u@h/d%20e?options=-c%20search_path%3Dx", {"database": "d e"}),
        ("postgresql://u@h/d?sslmode=disable", {"ssl": "disable"}),
        ("postgresql://u@h/d?sslmode=prefer&connect_timeout=10", {"ssl": "prefer"}),
        ("postgresql://u@h/d?pgbouncer=true", {"statement_cache_size": 0}),
    ],
)
def test_it_is_understood(url: str, expected: dict[str, Any]) -> None:
    arguments = connect_arguments(url)
    assert {name: arguments.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    "mode", ["sslmode=require", "sslmode=verify-ca", "sslmode=verify-full", "channel_binding=require"]
)
def test_require_and_up_verify(mode: str) -> None:
    context = connect_arguments(f"postgresql://u@h/d?{mode}")["ssl"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_server_settings_are_passed_to_the_server() -> None:
    settings = connect_arguments("postgresql://u@h/d?application_name=mine&options=endpoint%3Dep-x")["server_settings"]
    assert settings == {"application_name": "mine", "options": "endpoint=ep-x"}


def test_a_pooler_is_known_by_its_name() -> None:
    assert is_pooler("postgresql://u:p@ep-cool-darkness-a1b2c3d4-pooler.eu-central-1.aws.neon.tech/neondb")
    assert is_pooler("postgresql://u@h/d?pgbouncer=true")
    assert not is_pooler(f"postgresql://u:p@{NEON}/neondb")
    assert not is_pooler("postgresql://u:x-pooler.y@h/d")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:/u:hidden@h/d",
        "postgresql://u:hidden@h:port/d",
        "postgresql://u:hidden@h:0/d",
        "postgresql://u:hidden@::1/d",
        "postgresql://u:hidden@h/d?sslmode=on",
        "postgresql://u:hidden@h/d?pgbouncer=1",
        "postgresql://u:hidden@h/d?sslrootcert=/nowhere/ca.pem&sslmode=verify-full",
        "postgresql://u:hidden@h/d?schema=public",
    ],
)
def test_a_bad_url_gives_one_line_without_the_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match=r"^DATABASE_URL [^\n]+$") as refusal:
        connect_arguments(url)
    assert "hidden" not in str(refusal.value)


def test_it_is_said_before_anything_starts(tmp_path: Path) -> None:
    for command in (["run"], ["database", "upgrade"]):
        done = todo_api(tmp_path, *command, DATABASE_URL="postgresql://u:hidden@h/d?schema=x", PORT=str(free_port()))
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert done.stderr.startswith("todo-api: DATABASE_URL has a parameter 'schema'")


def test_the_options_reach_the_server(database_url: str) -> None:
    async def search_path() -> str:
        connection = await asyncpg.connect(**connect_arguments(f"{database_url}&options=-c%20search_path%3Dx%2Cy"))
        try:
            path: str = await connection.fetchval("show search_path")
            return path
        finally:
            await connection.close()

    assert anyio.run(search_path) == "x,y"


def test_migrations_wait_and_then_say_so_in_one_line() -> None:
    with pytest.raises(SettingsError, match=r"^the database has not answered for 0\.5 s: [^\n]+$"):
        anyio.run(connect_directly, f"postgresql://u@127.0.0.1:{free_port()}/d", 0.5)


class Authority:
    """A certificate authority that only the given clients trust."""

    def __init__(self, directory: Path, host: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority")])
        now = dt.datetime.now(dt.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.certificate = directory / f"{host}.pem"
        self.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        private = directory / f"{host}.key"
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        self.server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.server.load_cert_chain(self.certificate, private)


@pytest.fixture(params=["localhost", "another.example"])
def authority(request: pytest.FixtureRequest, tmp_path: Path) -> Authority:
    return Authority(tmp_path, request.param)


@pytest.mark.parametrize("known", [True, False])
def test_tls_is_verified_against_the_systems_authorities(
    database_url: str, tmp_path: Path, authority: Authority, known: bool
) -> None:
    right = known and authority.certificate.stem == "localhost"
    with Proxy(socket_of(database_url), authority.server) as proxy:
        url = f"postgres://postgres@localhost:{proxy.port}/postgres?sslmode=require&channel_binding=require"
        system = {"SSL_CERT_FILE": str(authority.certificate)} if known else {}
        service = Service(tmp_path, {"DATABASE_URL": url, **system})
        try:
            service.wait_until_it_answers("/health")
            with Person(service.url, fresh_user("ann")) as ann:
                assert ann.get("tasks").status_code == (200 if right else 503)
        finally:
            service.stop()
        assert ("CERTIFICATE_VERIFY_FAILED" in service.log.read_text()) is not right


@pytest.mark.parametrize(
    "query",
    ["", "?sslmode=disable", "?sslmode=allow", "?sslmode=prefer", "?application_name=sslmode=require",
     "?sslmode=disable&channel_binding=require"],
)  # fmt: skip
@pytest.mark.parametrize("host", ["db.example", "localhost,db.example", "10.0.0.1", "[2001:db8::1]:5433"])
def test_production_refuses_a_connection_without_tls_to_another_host(host: str, query: str) -> None:
    with pytest.raises(SettingsError, match=r"^DATABASE_URL has (no )?sslmode[^\n]+$") as refused:
        refuse_plain_text(f"postgresql://u:xyzzy@{host}/d{query}")
    assert "xyzzy" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:p@{NEON}/d?sslmode=require&channel_binding=require",
        "postgresql://u:p@db.example/d?channel_binding=require",
        "postgresql://u:p@db.example/d?sslmode=verify-full",
        "postgresql://u@localhost/d",
        "postgresql://u@127.0.0.1:6432/d?sslmode=disable",
        "postgresql://u@[::1]/d",
        "postgresql://u@/d?host=/var/run/pg",
    ],
)
def test_production_accepts_tls_and_connections_within_the_machine(url: str) -> None:
    refuse_plain_text(url)


@pytest.mark.parametrize("command", [["run"], ["check"], ["database", "upgrade"]])
def test_every_command_in_production_wants_tls(tmp_path: Path, command: list[str]) -> None:
    done = todo_api(tmp_path, *command, **{**PRODUCTION, "DATABASE_URL": "postgresql://u:p@db.example/d"})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "todo-api: DATABASE_URL has no sslmode: in production, add sslmode=require, "
        "so that the password and the data are encrypted on their way to another host\n"
    )
