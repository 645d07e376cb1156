"""The API as a conventional FastAPI app with SQLModel and psycopg2. It reads the tags of a page in one query."""

import os
import time
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID, uuid4

import jwt
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, Field
from sqlalchemy import URL, ForeignKeyConstraint, func
from sqlalchemy.orm import selectinload
from sqlmodel import Field as Column
from sqlmodel import Relationship, Session, SQLModel, create_engine, select

_parts = urlsplit(os.environ["DATABASE_URL"])
engine = create_engine(
    URL.create(
        "postgresql+psycopg2",
        username=_parts.username,
        database=_parts.path[1:],
        query={"host": unquote(parse_qs(_parts.query)["host"][0])},
    ),
    pool_size=5,
    max_overflow=10,
    pool_pre_ping=True,
)
SECRET = os.environ["BETTER_AUTH_SECRET"].split(",")[0]
PRIORITIES = ("High", "Medium", "Low")
app = FastAPI()


class TaskTag(SQLModel, table=True):
    __tablename__ = "task_tags"
    __table_args__ = (ForeignKeyConstraint(["user_id", "task_id"], ["tasks.user_id", "tasks.id"]),)
    user_id: str = Column(primary_key=True)
    task_id: UUID = Column(primary_key=True)
    tag: str = Column(primary_key=True)


class Tag(SQLModel, table=True):
    __tablename__ = "tags"
    user_id: str = Column(primary_key=True)
    name: str = Column(primary_key=True)
    name_folded: str


class TaskRow(SQLModel, table=True):
    __tablename__ = "tasks"
    user_id: str = Column(primary_key=True)
    id: UUID = Column(primary_key=True)
    title: str
    description: str | None
    priority: int
    due_date: date | None
    completed_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int
    title_folded: str
    description_folded: str
    links: list[TaskTag] = Relationship(sa_relationship_kwargs={"cascade": "all, delete-orphan"})


class TaskIn(BaseModel):
    title: str = Field(min_length=1, max_length=200)
    description: str | None = Field(None, max_length=1000)
    priority: Literal["High", "Medium", "Low"] = "Medium"
    due_date: date | None = None
    tags: list[str] = []


class TaskChange(BaseModel):
    title: str | None = Field(None, min_length=1, max_length=200)
    description: str | None = None
    tags: list[str] | None = None


class TaskOut(BaseModel):
    id: UUID
    user_id: str
    title: str
    description: str | None
    completed: bool
    priority: str
    due_date: date | None
    tags: list[str]
    completed_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


class Page(BaseModel):
    data: list[TaskOut]
    total: int
    limit: int
    offset: int


def out(row: TaskRow) -> TaskOut:
    return TaskOut(
        **row.model_dump(exclude={"priority"}),
        completed=row.completed_at is not None,
        priority=PRIORITIES[row.priority - 1],
        tags=sorted(link.tag for link in row.links),
    )


def session() -> Any:
    with Session(engine) as opened:
        yield opened


def me(user_id: str, authorization: Annotated[str, Header()]) -> str:
    try:
        claims = jwt.decode(authorization.removeprefix("Bearer "), SECRET, algorithms=["HS256"])
    except jwt.PyJWTError:
        raise HTTPException(401, "invalid token") from None
    if claims["sub"] != user_id:
        raise HTTPException(403, "not yours")
    return user_id


Db = Annotated[Session, Depends(session)]
Me = Annotated[str, Depends(me)]


def tie(db: Session, row: TaskRow, names: list[str]) -> None:
    known = set(db.exec(select(Tag.name).where(Tag.user_id == row.user_id, Tag.name.in_(names))))
    db.add_all(Tag(user_id=row.user_id, name=name, name_folded=name.lower()) for name in set(names) - known)
    db.flush()
    row.links = [TaskTag(user_id=row.user_id, task_id=row.id, tag=name) for name in sorted(set(names))]


def mine(db: Session, user: str, task_id: UUID) -> TaskRow:
    row = db.get(TaskRow, (user, task_id))
    if row is None:
        raise HTTPException(404, "no such task")
    return row


@app.get("/api/{user_id}/tasks")
def list_tasks(db: Db, user: Me, limit: int = 50, offset: int = 0) -> Page:
    total = db.exec(select(func.count()).select_from(TaskRow).where(TaskRow.user_id == user)).one()
    rows = db.exec(
        select(TaskRow)
        .where(TaskRow.user_id == user)
        .options(selectinload(TaskRow.links))
        .order_by(TaskRow.created_at.desc(), TaskRow.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return Page(data=[out(row) for row in rows], total=total, limit=limit, offset=offset)


@app.post("/api/{user_id}/tasks", status_code=201)
def create_task(db: Db, user: Me, task: TaskIn) -> TaskOut:
    now = datetime.fromtimestamp(time.time(), UTC)
    row = TaskRow(
        user_id=user,
        id=uuid4(),
        **task.model_dump(exclude={"tags", "priority"}),
        priority=PRIORITIES.index(task.priority) + 1,
        created_at=now,
        updated_at=now,
        version=1,
        title_folded=task.title.lower(),
        description_folded=(task.description or "").lower(),
    )
    db.add(row)
    tie(db, row, task.tags)
    db.commit()
    db.refresh(row)
    return out(row)


@app.get("/api/{user_id}/tasks/{task_id}")
def get_task(db: Db, user: Me, task_id: UUID) -> TaskOut:
    return out(mine(db, user, task_id))


@app.patch("/api/{user_id}/tasks/{task_id}")
def update_task(db: Db, user: Me, task_id: UUID, change: TaskChange) -> TaskOut:
    row = mine(db, user, task_id)
    for name, value in change.model_dump(exclude_unset=True, exclude={"tags"}).items():
        setattr(row, name, value)
    row.version += 1
    row.updated_at = datetime.now(UTC)
    if change.tags is not None:
        tie(db, row, change.tags)
    db.commit()
    db.refresh(row)
    return out(row)


@app.patch("/api/{user_id}/tasks/{task_id}/complete")
def toggle_task(db: Db, user: Me, task_id: UUID) -> TaskOut:
    row = mine(db, user, task_id)
    row.completed_at = None if row.completed_at else datetime.now(UTC)
    row.version += 1
    row.updated_at = datetime.now(UTC)
    db.commit()
    db.refresh(row)
    return out(row)


@app.get("/api/{user_id}/tags")
def list_tags(db: Db, user: Me) -> list[dict[str, Any]]:
    count = func.count()
    rows = db.exec(
        select(TaskTag.tag, count)
        .where(TaskTag.user_id == user)
        .group_by(TaskTag.tag)
        .order_by(count.desc(), TaskTag.tag)
    )
    return [{"name": name, "usage_count": number} for name, number in rows]
