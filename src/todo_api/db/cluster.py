"""Distributes the tables and the functions over a Citus cluster, so that all rows of one user are on one node.

https://docs.citusdata.com/en/stable/develop/api_udf.html
"""

from typing import Any, Final

import asyncpg
from alembic.util.exc import CommandError

from todo_api.db.functions import SCHEMA
from todo_api.db.tables import METADATA

SEQUENTIAL: Final = "set citus.multi_shard_modify_mode = 'sequential'"
"""For a session that changes the schema. Without it, Citus refuses functions after tables in one transaction.

A PostgreSQL without Citus takes it as well, and it changes nothing there.
"""
_TABLES: Final = tuple(table.name for table in METADATA.sorted_tables)
"""In the order of the foreign keys."""
_ANCHOR: Final = "tasks"
_KEY: Final = "user_id"

_HAS_EXTENSION: Final = "select exists (select from pg_extension where extname = 'citus')"
_CLUSTER: Final = """
    select (select groupid from pg_dist_local_group) as node,
           (select count(*) from pg_dist_node where shouldhaveshards and isactive and noderole = 'primary') as workers
"""
_STATE: Final = """
    select c.relname as name, p.partmethod = 'h' as distributed, column_to_column_name(c.oid, p.partkey) as key,
           p.colocationid as colocation, pg_relation_size(c.oid) > 0 as has_rows_here
    from pg_class c left join pg_dist_partition p on p.logicalrelid = c.oid
    where c.relnamespace = current_schema()::regnamespace and c.relname = any ($1)
"""
_DISTRIBUTE_FUNCTIONS: Final = (
    """select f.oid::regprocedure as name,
    create_distributed_function(f.oid::regprocedure, 'me', colocate_with => 'tasks')
    from pg_proc f left join pg_dist_object d on d.classid = 'pg_proc'::regclass and d.objid = f.oid
    where f.pronamespace in (select oid from pg_namespace where nspname ~ '^writes_[0-9]+$')
      and f.proargnames[1] = 'me' and (d.distribution_argument_index, d.colocationid) is distinct from
        (0, (select colocationid from pg_dist_partition where logicalrelid = 'tasks'::regclass))""",
    """select f.oid::regprocedure as name, create_distributed_function(f.oid::regprocedure)
    from pg_proc f left join pg_dist_object d on d.classid = 'pg_proc'::regclass and d.objid = f.oid
    where f.pronamespace in (select oid from pg_namespace where nspname ~ '^writes_[0-9]+$')
      and f.proargnames[1] is distinct from 'me' and d.objid is null""",
)
"""A call of a function with `me` is handed to the node that has the user. The other functions are called inside them:
the nodes need them too."""
_CONNECT_FAST: Final = """do $$ begin
  execute format('alter database %I set citus.override_table_visibility = off', current_database());
end $$"""
_IS_OWNER: Final = "select pg_has_role(datdba, 'usage') from pg_database where datname = current_database()"
_IS_FAST: Final = """
    select exists (select from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase
    where d.datname = current_database() and s.setrole = 0
      and 'citus.override_table_visibility=off' = any (s.setconfig))
"""


class CannotDistribute(CommandError):
    """One line that says why nothing was distributed and what to do."""


def statements() -> list[str]:
    """The SQL for a cluster on which nothing is distributed yet."""
    return [
        SEQUENTIAL,
        *_distribute_tables(_TABLES, None),
        *map(_empty, _TABLES),
        *_DISTRIBUTE_FUNCTIONS,
        _CONNECT_FAST,
    ]


async def distribute_rest(connection: asyncpg.Connection) -> list[str]:
    """Distributes the tables and functions that are new, if `tasks` is distributed. Call it after a migration.

    Returns their names. Does nothing on a PostgreSQL without Citus.

    Raises:
        CannotDistribute: as `distribute`.
    """
    if not await connection.fetchval(_HAS_EXTENSION):
        return []
    state = await connection.fetch(_STATE, [_ANCHOR])
    return await distribute(connection) if any(table["distributed"] is not None for table in state) else []


async def distribute(connection: asyncpg.Connection) -> list[str]:
    """Distributes the tables and functions that are not distributed yet. Returns their names.

    It also empties what the tables still have on the coordinator: rows that were copied to the nodes before. The
    connection is in a transaction.

    Raises:
        CannotDistribute: this is not the coordinator of a cluster, a table is missing, or one is distributed otherwise.
    """
    if not await connection.fetchval(_HAS_EXTENSION):
        raise CannotDistribute(
            "this PostgreSQL has no citus extension, so nothing was distributed: run `create extension citus` "
            "on a Citus cluster, or stay on one machine (docs/scaling.md)"
        )
    _refuse_other_nodes(await connection.fetchrow(_CLUSTER))
    state = {table["name"]: table for table in await connection.fetch(_STATE, _TABLES)}
    anchor = _anchor(state)
    new = [name for name in _TABLES if state[name]["distributed"] is None]
    left_behind = [name for name in _TABLES if state[name]["has_rows_here"]]
    try:
        await connection.execute(SEQUENTIAL)
        for statement in (*_distribute_tables(new, anchor), *map(_empty, left_behind)):
            await connection.execute(statement)
        functions = [row["name"] for each in _DISTRIBUTE_FUNCTIONS for row in await connection.fetch(each)]
        if not await connection.fetchval(_IS_FAST) and await connection.fetchval(_IS_OWNER):
            await connection.execute(_CONNECT_FAST)
    except asyncpg.PostgresError as error:
        raise CannotDistribute(f"Citus refuses, so nothing was distributed: {' '.join(str(error).split())}") from error
    return new + functions


def _distribute_tables(names: Any, anchor: str | None) -> list[str]:
    """`anchor`: a table that is distributed. None: the first of `names` begins a co-location group."""
    groups = [anchor or "none", *[anchor or name for name in names[:1]] * len(names)]
    return [
        f"select create_distributed_table('{name}', '{_KEY}', colocate_with => '{group}')"
        for name, group in zip(names, groups, strict=False)
    ]


def _empty(name: str) -> str:
    return f"select truncate_local_data_after_distributing_table('{name}')"


def _refuse_other_nodes(cluster: asyncpg.Record) -> None:
    if cluster["node"] != 0:
        raise CannotDistribute("this is a worker of the cluster: set DATABASE_URL to the coordinator")
    if not cluster["workers"]:
        raise CannotDistribute(
            "the cluster has no worker: run `select citus_add_node('host', 5432)` for each on the coordinator"
        )


def _anchor(state: dict[str, asyncpg.Record]) -> str | None:
    """A table that is distributed by `user_id`, if there is one.

    Raises:
        CannotDistribute: a table is missing, distributed otherwise, or in another co-location group.
    """
    anchor: str | None = None
    for name in (_ANCHOR, *_TABLES):
        if name not in state:
            raise CannotDistribute(f"there is no table {name}: run `todo-api database upgrade` first")
        table = state[name]
        if table["distributed"] is None:
            continue
        # It makes each table anew, and drops the functions that have the old one in their signature.
        again = (
            f"run `select undistribute_table('{name}', cascade_via_foreign_keys => true); "
            f"drop schema {SCHEMA} cascade`, then `todo-api database upgrade` and this command again"
        )
        if not table["distributed"]:
            raise CannotDistribute(f"the table {name} is a reference table or a local table of Citus: {again}")
        if table["key"] != _KEY:
            raise CannotDistribute(f"the table {name} is distributed by {table['key']}, not by {_KEY}: {again}")
        anchor = anchor or name
        if table["colocation"] != state[anchor]["colocation"]:
            raise CannotDistribute(
                f"the tables {anchor} and {name} are in different co-location groups: "
                f"run `select update_distributed_table_colocation('{name}', colocate_with => '{anchor}')`, "
                "then this command again"
            )
    return anchor
