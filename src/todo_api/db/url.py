"""Turns a database URL, as people paste it, into arguments for the driver.

The driver's own parser is not used: it passes unknown parameters to the server, which refuses them, and with
`sslmode=require` it does not verify the certificate.
"""

import re
import ssl
from typing import Any, Final
from urllib.parse import unquote

from todo_api.config.environment import SettingsError

_URL: Final = re.compile(
    r"postgres(?:ql)?://(?:(?P<login>[^/?]*)@)?(?P<hosts>[^/?@]*)(?:/(?P<database>[^?]*))?(?:\?(?P<query>.*))?"
)
_HOST: Final = re.compile(r"(?:\[(?P<bracketed>[^\]]+)\]|(?P<plain>[^:]*))(?::(?P<port>[0-9]+))?")
_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_VERIFIED: Final = _MODES[3:]
_THIS_MACHINE: Final = re.compile(r"/.*|localhost|127\.[0-9.]+|::1", re.IGNORECASE)
_UNDERSTOOD: Final = re.compile(
    "application_name|channel_binding|dbname|host|options|password|pgbouncer|port|sslcert|sslkey|sslmode|"
    "sslnegotiation|sslrootcert|target_session_attrs|user"
)
_WITHOUT_EFFECT: Final = re.compile(
    "connect_timeout|connection_limit|gssencmode|keepalives(_count|_idle|_interval)?|pool_timeout|tcp_user_timeout"
)
"""Parameters of libpq and of other pools. The service's own settings and limits replace them."""


def connect_arguments(url: str) -> dict[str, Any]:
    """Returns the arguments for `asyncpg.connect`.

    `sslmode=require` and stricter verify the certificate against the system's authorities and the host's name. This
    replaces `channel_binding`, which the driver does not support.

    Raises:
        SettingsError: it says what is wrong with the URL and does not quote it, since it contains a password.
    """
    query = _query(url)
    parts = _parts(url)
    user, _, password = (parts["login"] or "").partition(":")
    hosts, ports = _hosts(query.get("host") or unquote(parts["hosts"] or ""), query.get("port"))
    named = {
        "host": hosts or None,
        "port": ports or None,
        "user": query.get("user") or unquote(user) or None,
        "password": query.get("password") or unquote(password) or None,
        "database": query.get("dbname") or unquote(parts["database"] or "") or None,
        "target_session_attrs": query.get("target_session_attrs"),
        "direct_tls": True if query.get("sslnegotiation") == "direct" else None,
        "ssl": _tls(query),
    }
    settings = {"application_name": query.get("application_name", "todo-api")}
    if "options" in query:
        settings["options"] = query["options"]
    arguments: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    arguments |= {"server_settings": settings, "timeout": 10}
    if query.get("pgbouncer") == "true":
        arguments["statement_cache_size"] = 0
    return arguments


def is_pooler(url: str) -> bool:
    """Whether the URL says that a connection is shared: `pgbouncer=true`, or one of Neon's `-pooler` hosts."""
    hosts = (_parts(url)["hosts"] or "").split(",")
    return _query(url).get("pgbouncer") == "true" or any(
        re.match(r"[a-z0-9-]+-pooler\.", host, re.IGNORECASE) for host in hosts
    )


def refuse_plain_text(url: str) -> None:
    """In production, refuses a connection to another host that may be without TLS.

    Raises:
        SettingsError: a host is not this machine, and `sslmode` is missing or weaker than `require`.
    """
    query = _query(url)
    hosts, _ = _hosts(query.get("host") or unquote(_parts(url)["hosts"] or ""), None)
    if _mode(query) not in _VERIFIED and not all(_THIS_MACHINE.fullmatch(host) for host in hosts):
        raise SettingsError(
            f"DATABASE_URL has {f'sslmode={query["sslmode"]}' if 'sslmode' in query else 'no sslmode'}: in production, "
            "add sslmode=require, so that the password and the data are encrypted on their way to another host"
        )


def _parts(url: str) -> dict[str, str | None]:
    match = _URL.fullmatch(url.strip())
    if match is None:
        raise SettingsError(
            "DATABASE_URL cannot be read: write postgresql://user:password@host/database, with special characters "
            "of the password percent-encoded"
        )
    return match.groupdict()


def _query(url: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in (_parts(url)["query"] or "").split("&") if part)
    query = {unquote(name): unquote(value) for name, _, value in pairs}
    for name in query:
        if not (_UNDERSTOOD.fullmatch(name) or _WITHOUT_EFFECT.fullmatch(name)):
            raise SettingsError(f"DATABASE_URL has a parameter {name!r}, which has no meaning here: remove it")
    for name, values in (
        ("sslmode", _MODES),
        ("pgbouncer", ("true", "false")),
        ("sslnegotiation", ("postgres", "direct")),
        ("target_session_attrs", ("any", "primary", "standby", "read-write", "read-only", "prefer-standby")),
    ):
        if query.get(name, values[0]) not in values:
            raise SettingsError(f"DATABASE_URL has a bad {name}: set it to one of {', '.join(values)}")
    return query


def _hosts(listed: str, default_ports: str | None) -> tuple[list[str], list[int]]:
    """Hosts and their ports. The driver tries several hosts, separated by commas, in turn."""
    default = (default_ports or "").split(",")
    hosts, ports = [], []
    for at, host in enumerate(listed.split(",") if listed else []):
        match = None if host.startswith("/") else _HOST.fullmatch(host)
        if match is None and not host.startswith("/"):
            raise SettingsError("DATABASE_URL has a bad host or port: write host:port, an IPv6 address in brackets")
        port = (match and match["port"]) or default[min(at, len(default) - 1)] or "5432"
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise SettingsError("DATABASE_URL has a bad port: it is a number from 1 to 65535")
        hosts.append(host if match is None else match["bracketed"] or match["plain"])
        ports.append(int(port))
    return hosts, ports


def _mode(query: dict[str, str]) -> str | None:
    return query.get("sslmode") or ("require" if query.get("channel_binding") == "require" else None)


def _tls(query: dict[str, str]) -> ssl.SSLContext | str | None:
    mode = _mode(query)
    if mode not in _VERIFIED:
        return mode
    authorities = query.get("sslrootcert", "system")
    try:
        context = ssl.create_default_context(cafile=None if authorities == "system" else authorities)
        if "sslcert" in query:
            context.load_cert_chain(query["sslcert"], query.get("sslkey"))
    except OSError as error:
        raise SettingsError(f"DATABASE_URL names a certificate file that cannot be read: {error}") from None
    context.set_alpn_protocols(["postgresql"])
    return context
