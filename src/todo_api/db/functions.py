"""The functions that write, in PL/pgSQL: their files, the schema of their version, and the SQL that installs them.

A released version never changes, so replicas of two versions can run side by side. A change makes a new version, and
the schema of the old version stays until no replica calls it: docs/write-functions.md.
"""

from pathlib import Path
from typing import Final

VERSION: Final = 1
SCHEMA: Final = f"writes_{VERSION}"
_PACKAGE: Final = Path(__file__).parents[1]
FILES: Final = (_PACKAGE / "db/writes.sql", *sorted(_PACKAGE.glob("features/*/writes*.sql")))
"""In the order in which they are installed: the first file has the types that the features use. The order of the others
does not matter: PostgreSQL looks up the functions that a function calls when it runs."""

_INSTALL: Final = """
do $install$
declare
  usual text := current_setting('search_path');
begin
  if to_regnamespace('{schema}') is null then
    create schema {schema};
    grant usage on schema {schema} to public;
    perform set_config('search_path', '{schema}, ' || quote_ident(current_schema()) || ', pg_temp', true);
    execute $writes$
{functions}
    $writes$;
    perform set_config('search_path', usual, true);
  end if;
end $install$
""".strip()


def script() -> str:
    """One statement that installs the functions, unless the schema of their version exists.

    Each function keeps the `search_path` of the installation: its own schema, and that of the tables.
    """
    return _INSTALL.format(schema=SCHEMA, functions="\n".join(file.read_text() for file in FILES))
