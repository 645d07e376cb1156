"""Finds the statements of a migration that harm the version that still runs: docs/operations.md, "Migrations".

It looks at the SQL that Alembic writes, so it does not matter how the migration was written.
"""

import re
from io import StringIO
from typing import Final

from alembic import command as alembic
from alembic.config import Config

_DANGERS: Final = {
    "an index without CONCURRENTLY locks out all writers": r"CREATE (UNIQUE )?INDEX (?!CONCURRENTLY)",
    "an index dropped without CONCURRENTLY blocks all readers and writers": r"DROP INDEX (?!CONCURRENTLY)",
    "a column NOT NULL without a default refuses the inserts of the old version": (
        r"ADD COLUMN (?!.*(DEFAULT|GENERATED)).* NOT NULL"
    ),
    "a volatile default rewrites the table": (
        r"ADD COLUMN .*DEFAULT .*\b(gen_random_uuid|uuidv\d|random|clock_timestamp|nextval)\b"
    ),
    "a stored generated column rewrites the table": r"ADD COLUMN .*GENERATED ALWAYS AS .*STORED",
    "SET NOT NULL reads the whole table while it is locked": r"ALTER COLUMN .*SET NOT NULL",
    "a new type rewrites the table, and the old version does not know it": r"ALTER COLUMN .* TYPE ",
    "the old version still reads the dropped object": r"DROP (COLUMN|TABLE|VIEW|SCHEMA)\b",
    "the old version still uses the old name": r"\bRENAME\b",
    "a constraint without NOT VALID reads the whole table while it is locked": (
        r"ADD (CONSTRAINT \S+ )?(CHECK|FOREIGN KEY)(?!.*NOT VALID)"
    ),
    "a key that is not made USING INDEX is built while the table is locked": (
        r"ADD (CONSTRAINT \S+ )?(PRIMARY KEY|UNIQUE)(?! USING INDEX)"
    ),
    "a statement over a whole table holds its locks until the end": r"^(UPDATE|DELETE|INSERT)\b",
    "an exclusive lock blocks all others": r"^(LOCK|CLUSTER|VACUUM FULL|REINDEX (?!.*CONCURRENTLY)|TRUNCATE)\b",
    "a Citus cluster distributes no triggers, types, sequences": r"CREATE (CONSTRAINT )?(TRIGGER|TYPE|SEQUENCE)\b",
}
_HARMLESS: Final = r"UPDATE alembic_version |INSERT INTO alembic_version |DELETE FROM alembic_version "


def sql_of(config: Config, revision: str, before: str | None) -> str:
    """The SQL of the upgrade from `before` (None: an empty database) to `revision`."""
    config.output_buffer = output = StringIO()
    alembic.upgrade(config, f"{before or 'base'}:{revision}", sql=True)
    return output.getvalue()


def dangers(sql: str) -> list[str]:
    """The dangers in these statements, each with its statement. Tables that they create are not in use yet."""
    reasons: list[str] = []
    statements = [" ".join(re.sub(r"--.*", "", part).split()) for part in sql.split(";")]
    new = {name for statement in statements for name in re.findall(r"^CREATE TABLE (\S+)", statement, re.IGNORECASE)}
    for statement in statements:
        on = re.search(r"(?:^ALTER TABLE(?: ONLY)?|^CREATE .*?INDEX .*? ON) (\S+)", statement, re.IGNORECASE)
        if (on and on[1] in new) or re.match(_HARMLESS, statement, re.IGNORECASE):
            continue
        reasons += [
            f"{reason}: {statement}"
            for reason, pattern in _DANGERS.items()
            if re.search(pattern, statement, re.IGNORECASE)
        ]
    return reasons
