"""Runs a schedule, and compares the devices, the service and the log at its end."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from tests.concurrency.sync.device import Device
from tests.concurrency.sync.ledger import LOG, Entry, Ledger
from tests.concurrency.sync.schedules import DEVICES, Action, Round, Schedule
from tests.concurrency.sync.user import User
from tests.concurrency.sync.world import World
from tests.support.client import fresh_user

_TABLES = ("heads", "tasks", "tags", "task_tags", "changes", "idempotency_keys")
_COLUMNS = """
    select string_agg(attname, ', ' order by attnum) from pg_attribute
    where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = ''
"""


async def run_schedule(world: World, schedule: Schedule) -> None:
    user = User(world.send, fresh_user("ann"))
    try:
        await Course(world, user).run(schedule)
    except BaseException as error:
        error.add_note("\n".join(user.history))
        world.failed = True
        raise
    world.schedules += 1
    world.counts += user.counts
    world.counts["entries of the log"] += len(user.ledger.log)
    world.counts["complete copies compared"] += len(user.ledger.copies)


class Course:
    """One schedule, with a new user."""

    def __init__(self, world: World, user: User) -> None:
        self.world = world
        self.user = user
        self.devices = [Device(user, replica) for replica in range(DEVICES)]
        self.backup: tuple[Ledger, dict[str, str]] | None = None
        self.lost_rounds = 0
        """Until the backup is restored."""
        self.aged = False

    async def run(self, schedule: Schedule) -> None:
        await self._begin(schedule)
        for each in schedule.rounds:
            await self._round(each)
        await self._end()

    async def _begin(self, schedule: Schedule) -> None:
        me, ledger = self.user.user_id, self.user.ledger
        for _ in range(schedule.tasks):
            task_id = str(uuid4())
            ledger.first[task_id] = 1
            await self.world.admin.execute(
                "insert into tasks (user_id, id, title, priority, created_at, updated_at, version, title_folded, "
                "description_folded) values ($1, $2, 'old', 2, now(), now(), 1, 'old', '')", me, task_id,
            )  # fmt: skip
        if schedule.start:
            ledger.start = schedule.start
            await self.world.admin.execute(
                "insert into heads (user_id, revision, tasks) values ($1, $2, $3)", me, schedule.start, schedule.tasks
            )

    async def _round(self, each: Round) -> None:
        self.world.counts[each.disaster] += each.disaster != "none"
        if each.disaster in ("age", "restore"):
            await self._settle()
        if each.disaster == "age":
            await self._age()
        elif each.disaster == "restore" and self.backup is None:
            await self._backup()
            self.lost_rounds = each.after // 3
        async with asyncio.TaskGroup() as group:
            for device, action in each.actions.items():
                group.create_task(self._act(self.devices[device], action))
            if each.disaster in ("kill", "cut"):
                group.create_task(self._fail(each))
        if self.backup is not None and self.lost_rounds == 0:
            await self._settle()
            await self._restore(*self.backup)
        self.lost_rounds -= 1

    async def _settle(self) -> None:
        await self.user.settle()
        await self.world.quiet()

    async def _fail(self, each: Round) -> None:
        for _ in range(each.after):
            await asyncio.sleep(0)
        if each.disaster == "kill":
            await self.world.kill()
        else:
            self.world.cut()

    async def _act(self, device: Device, action: Action) -> None:
        match action.kind:
            case "sync":
                await device.sync(action.limit, pages=action.pages, store=action.store, fault=action.fault)
            case "crash" | "lose":
                device.crash(everything=action.kind == "lose")
            case kind:
                device.online = {"online": True, "offline": False}.get(kind, device.online)
                self._write(device, action)
                await device.flush(action.fault)

    def _write(self, device: Device, action: Action) -> None:
        """Puts a write into the device's outbox."""
        match action.kind:
            case "create":
                device.create(action.made_with, action.body)
            case "edit" | "complete":
                device.change("PATCH", action.which, action.body, guarded=action.guarded)
            case "delete":
                device.change("DELETE", action.which, None, guarded=action.guarded)
            case "rename tag":
                device.write("PATCH", f"tags/{action.body[0]}", {}, {"name": action.body[1]})
            case "remove tag":
                device.write("DELETE", f"tags/{action.body[0]}", {}, None)
            case "revive" if not self.aged:
                device.revive(action.which)

    async def _age(self) -> None:
        """A month goes by for all entries of the log that are there now. The next write deletes old ones."""
        admin, me = self.world.admin, self.user.user_id
        self.aged = True
        for device in self.devices:
            # The id of a task that was deleted a month ago can be used again, so no promise covers these.
            device.outbox = [write for write in device.outbox if not write.is_known_by_id]
        await self._read_log()
        # A value, since a cluster does not take a stable function of a column.
        await admin.execute("update changes set at = $2 where user_id = $1", me, datetime.now(UTC) - timedelta(days=31))
        revision = await admin.fetchval("select revision from heads where user_id = $1", me)
        if revision is not None:
            await admin.execute("update heads set revision = revision | 31 where user_id = $1", me)
            self.user.ledger.skipped.update(range(revision + 1, (revision | 31) + 1))

    async def _read_log(self) -> None:
        for revision, *entry in await self.world.admin.fetch(LOG, self.user.user_id):
            self.user.ledger.log[revision] = Entry(*entry)

    async def _backup(self) -> None:
        await self._read_log()
        rows = {}
        for table in _TABLES:
            sql = f"select json_agg(t)::text from {table} t where user_id = $1"
            rows[table] = await self.world.admin.fetchval(sql, self.user.user_id)
        if rows["heads"] is not None:
            self.backup = self.user.ledger.fork(), rows

    async def _restore(self, ledger: Ledger, rows: dict[str, str]) -> None:
        """All that was written since the backup is lost, and the epoch changes."""
        admin, me = self.world.admin, self.user.user_id
        async with admin.transaction():
            epoch = await admin.fetchval("select epoch from heads where user_id = $1", me)
            for table in reversed(_TABLES):
                await admin.execute(f"delete from {table} where user_id = $1", me)
            for table in _TABLES:
                columns = await self._columns(table)
                await admin.execute(
                    f"insert into {table} ({columns}) select {columns} from json_populate_recordset(null::{table}, $1)",
                    rows[table] or "[]",
                )
            await admin.execute("update heads set epoch = $2 where user_id = $1", me, epoch + 1)
        self.user.ledger, self.backup = ledger, None
        for device in self.devices:
            device.change_id = 0

    async def _columns(self, table: str) -> str:
        if table not in self.world.columns:
            self.world.columns[table] = await self.world.admin.fetchval(_COLUMNS, table)
        return self.world.columns[table]

    async def _end(self) -> None:
        """All devices are online, send what they have, and read all pages. Then all is compared."""
        await self._settle()
        for _ in range(50):
            for device in self.devices:
                device.online = True
                await device.flush("none")
            if not any(device.outbox for device in self.devices):
                break
        else:
            raise AssertionError("an outbox never empties")
        listed = await self.user.listed()
        for limit, device in enumerate(self.devices, 1):
            for _ in range(3):
                if await device.sync(limit, pages=200, store=True):
                    break
            assert device.copy.tasks == listed, "a device has other tasks than the service"
        await self._read_log()
        self.user.ledger.check(listed, self.user.creates)
