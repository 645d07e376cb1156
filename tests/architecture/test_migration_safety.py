"""A migration does not break the version that still runs, and two runs at once do not collide."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from alembic.script import ScriptDirectory

from tests.architecture.migration_safety import dangers, sql_of
from tests.architecture.test_migrations import empty, run
from todo_api.db.migrations import alembic_config

__all__ = ["empty"]
FIRST_RELEASE: Final = "0003"
"""The first release has this revision. Earlier migrations had no released version to break."""
ROOT: Final = Path(__file__).parents[2]
_SLOW: Final = """
from alembic import op
revision, down_revision, branch_labels, depends_on = "9999", "{head}", None, None

def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("select pg_sleep(0.5)")
        op.create_index("ix_slow", "tasks", ["user_id", "title"], postgresql_concurrently=True)
"""


def test_every_migration_after_the_first_release_is_safe() -> None:
    config = alembic_config("postgresql://nowhere")
    for script in ScriptDirectory.from_config(config).walk_revisions():
        before = script.down_revision
        assert before is None or isinstance(before, str), "each migration has one predecessor"
        sql = sql_of(config, script.revision, before)
        assert "alembic_version" in sql
        assert script.revision <= FIRST_RELEASE or not dangers(sql), script.revision


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX ix ON tasks (user_id, title)",
        "CREATE UNIQUE INDEX ix ON tasks (user_id, title)",
        "DROP INDEX ix",
        "ALTER TABLE tasks ADD COLUMN place TEXT NOT NULL",
        "ALTER TABLE tasks ADD COLUMN key UUID DEFAULT gen_random_uuid() NOT NULL",
        "ALTER TABLE tasks ADD COLUMN stems TSVECTOR GENERATED ALWAYS AS (to_tsvector('simple', title)) STORED",
        "ALTER TABLE tasks ALTER COLUMN due_date SET NOT NULL",
        "ALTER TABLE tasks ALTER COLUMN title TYPE VARCHAR(100)",
        "ALTER TABLE tasks DROP COLUMN description",
        "DROP TABLE tags",
        "ALTER TABLE tasks RENAME COLUMN title TO name",
        "ALTER TABLE tags RENAME TO labels",
        "ALTER TABLE tasks ADD CONSTRAINT ck CHECK (title <> '')",
        "ALTER TABLE tasks ADD CONSTRAINT fk FOREIGN KEY(user_id) REFERENCES users (id)",
        "ALTER TABLE tasks ADD CONSTRAINT uq UNIQUE (user_id, title)",
        "UPDATE tasks SET title = ''",
        "LOCK TABLE tasks",
        "TRUNCATE tasks",
        "CREATE TRIGGER t BEFORE UPDATE ON tasks EXECUTE FUNCTION f()",
        "CREATE TYPE priority AS ENUM ('High')",
    ],
)
def test_a_dangerous_statement_is_reported(sql: str) -> None:
    assert len(dangers(f"BEGIN;\n\n{sql};\n\nUPDATE alembic_version SET version_num='2';\n\nCOMMIT;")) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX CONCURRENTLY ix ON tasks (user_id, title)",
        "DROP INDEX CONCURRENTLY ix",
        "ALTER TABLE tasks ADD COLUMN place TEXT",
        "ALTER TABLE tasks ADD COLUMN place TEXT DEFAULT '' NOT NULL",
        "ALTER TABLE tasks ADD CONSTRAINT ck CHECK (title <> '') NOT VALID",
        "ALTER TABLE tasks VALIDATE CONSTRAINT ck",
        "ALTER TABLE tasks ADD CONSTRAINT uq UNIQUE USING INDEX ix",
        "ALTER TABLE tasks ALTER COLUMN place DROP DEFAULT",
        "CREATE TABLE lists (user_id TEXT NOT NULL);\nCREATE INDEX ix ON lists (user_id)",
    ],
)
def test_a_safe_statement_is_not_reported(sql: str) -> None:
    assert dangers(f"{sql};\n") == []


def test_two_runs_at_once_do_not_collide(empty: str, tmp_path: Path) -> None:
    """Also when one of the migrations commits before the last one has run."""
    migrations = tmp_path / "migrations"
    shutil.copytree(ROOT / "migrations", migrations, ignore=shutil.ignore_patterns("__pycache__"))
    head = ScriptDirectory(str(migrations)).get_current_head()
    (migrations / "versions" / "9999_slow.py").write_text(_SLOW.format(head=head))
    program = (
        "import sys; from alembic import command; from todo_api.db.migrations import alembic_config\n"
        "config = alembic_config(sys.argv[1]); config.set_main_option('script_location', sys.argv[2])\n"
        "command.upgrade(config, 'head')"
    )
    runs = [subprocess.Popen([sys.executable, "-c", program, empty, migrations]) for _ in range(2)]
    try:
        assert [each.wait(60) for each in runs] == [0, 0]
    finally:
        for each in runs:
            each.kill()
            each.wait()
    assert [row[0] for row in run(empty, "select version_num from alembic_version")] == ["9999"]
    assert run(empty, "select indisvalid from pg_index where indexrelid = 'ix_slow'::regclass")[0][0]
