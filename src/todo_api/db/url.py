"""A database URL as people paste it, made into arguments for the driver."""

import ssl
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

_OURS: Final = {"sslmode", "channel_binding", "options", "application_name", "connect_timeout"}
_VERIFIED: Final = {"require", "verify-ca", "verify-full"}


def connect_arguments(url: str) -> dict[str, Any]:
    """Arguments for `asyncpg.connect` and `asyncpg.create_pool`.

    `sslmode=require` and stricter verify the certificate against the system's authorities and the host's name, which
    stands in for `channel_binding`, which the driver does not know.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    rest = urlencode({name: value for name, value in query.items() if name not in _OURS}, quote_via=quote)
    arguments: dict[str, Any] = {"dsn": urlunsplit(("postgresql", parts.netloc, parts.path, rest, ""))}
    sslmode = query.get("sslmode")
    if sslmode in _VERIFIED:
        arguments["ssl"] = ssl.create_default_context()
    elif sslmode is not None:
        arguments["ssl"] = sslmode
    arguments["server_settings"] = {"application_name": query.get("application_name", "todo-api")}
    arguments["timeout"] = 10
    return arguments
