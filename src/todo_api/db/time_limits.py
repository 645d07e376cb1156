"""Time limits of statements, in seconds."""

import asyncio
from typing import Final

REQUEST_SECONDS: Final = 4.6
"""For a statement: waiting for a connection, the statement, and its second try."""
FIRST_TRY_SECONDS: Final = 2.0
"""For the first try of a statement that may be repeated: a connection that broke silently never answers."""
STATEMENT_SECONDS: Final = 4.0
"""PostgreSQL's own limit, below `REQUEST_SECONDS`: the server itself then reports that a slow write did not happen."""
TEST_SECONDS: Final = 1.0
"""For a test query."""


def now() -> float:
    """The loop's time, in seconds, as in every `deadline`."""
    return asyncio.get_running_loop().time()
