"""A function that keeps the rules, and changes of it that break one rule each."""

from typing import Final

GOOD: Final = """
create function rename_task(me text, issued timestamptz, which uuid, title_sent text)
returns text
language plpgsql
set search_path from current
as $$
declare
  this bigint;
  instant timestamptz;
begin
  select revision + 1 into this from heads where user_id = me and (erased_at is null or erased_at < issued) for update;
  if not found then
    this := make_head(me, issued);
  end if;
  instant := clock_timestamp();
  update tasks set title = title_sent, updated_at = instant, revision = this where user_id = me and id = which;
  if not found then
    return 'missing';
  end if;
  update heads set revision = this where user_id = me;
  insert into changes (user_id, revision, at, task_id, op, version)
  values (me, this, instant, which, 'change', 1);
  perform helper(me, 1);
  begin
    if this > 1 then
      raise sqlstate 'UNDO1';
    end if;
  exception when sqlstate 'UNDO1' then
    this := 1;
  end;
  return double(2)::text;
end;
$$;
create function make_head(me text, issued timestamptz)
returns bigint language plpgsql set search_path from current as $$
begin
  raise exception 'erased' using errcode = 'ZE001';
end;
$$;
create function helper(me text, count integer) returns integer language plpgsql set search_path from current as $$
begin
  return count;
end;
$$;
create function double(count integer) returns integer language sql immutable as $$ select 2 * count $$;
"""
"""A function that keeps all rules, and three that it calls."""
AFTER_HEAD: Final = "  instant := clock_timestamp();"
LOG: Final = "  insert into changes"

BAD: Final = [
    ("header", "set search_path from current", "set search_path = public", "search_path"),
    ("header", "set search_path from current", "", "search_path"),
    ("header", "language plpgsql\n", "language plpgsql security definer\n", "option security"),
    ("header", "me text, issued timestamptz", "issued timestamptz, me text", "first argument"),
    ("header", "me text, issued", "me uuid, issued", "first argument"),
    ("header", "title_sent text)", "title_sent text default null)", "one signature"),
    ("me", "where user_id = me and id = which", "where id = which", "tasks without `user_id = me`"),
    ("me", "where user_id = me and id = which", "where user_id = me or id = which", "tasks without `user_id = me`"),
    ("me", "where user_id = me and id = which", "where not (user_id = me) and id = which", "tasks without"),
    ("me", "where user_id = me and id = which", "where user_id <> me", "tasks without"),
    ("me", "where user_id = me and id = which", "where user_id = title_sent and id = which", "tasks without"),
    ("me", "where user_id = me and id", "from tags where tags.user_id = me and id", "tasks without"),
    ("me", "where user_id = me and id", "from tags as t where tasks.user_id = me and id", "tags without"),
    ("me", AFTER_HEAD, "  delete from tags;", "tags without"),
    ("me", AFTER_HEAD, "  delete from tags using tasks where tags.user_id = me;", "tasks without"),
    ("me", AFTER_HEAD, "  this := (select count(*) from tasks);", "tasks without"),
    (
        "me",
        AFTER_HEAD,
        "  select 1 into this from tags as t left join tasks on tasks.user_id = me where t.user_id = me;",
        "tasks without",
    ),
    ("me", AFTER_HEAD, "  for this in select 1 from tags loop exit; end loop;", "tags without"),
    (
        "me",
        AFTER_HEAD,
        "  if exists (select from tags where user_id = me union select from tasks) then return 1; end if;",
        "tasks without",
    ),
    ("me", AFTER_HEAD, "  select 1 into this from (select * from tags) as t where user_id = me;", "tags without"),
    (
        "me",
        AFTER_HEAD,
        "  with tasks as (select 1 as user_id) select 1 into this from tasks where user_id = me;",
        "step of WITH",
    ),
    ("me", AFTER_HEAD, "  select 1 into this from pg_class;", "not a table of this service"),
    ("me", AFTER_HEAD, "  select 1 into this from other.tasks where user_id = me;", "not a table of this service"),
    ("me", AFTER_HEAD, "  insert into tags (name) values ('a');", "inserts into tags without"),
    ("me", AFTER_HEAD, "  insert into tags values (me, 'a');", "inserts into tags without"),
    (
        "me",
        AFTER_HEAD,
        "  insert into tags (user_id, name) values (me, 'a'), (title_sent, 'b');",
        "inserts into tags without",
    ),
    (
        "me",
        AFTER_HEAD,
        "  insert into tags (user_id, name) select user_id, name from tags where user_id = me;",
        "inserts into",
    ),
    ("me", "set title = title_sent", "set user_id = title_sent", "changes a user_id"),
    (
        "me",
        AFTER_HEAD,
        "  insert into tags (user_id) values (me) on conflict (user_id) do update set user_id = 'a';",
        "changes a",
    ),
    ("me", "helper(me, 1)", "helper(title_sent, 1)", "somebody else"),
    ("me", AFTER_HEAD, "  me := title_sent;", "another value"),
    ("me", AFTER_HEAD, "  select title_sent into me;", "another value"),
    ("me", AFTER_HEAD, "  foreach me in array array[title_sent] loop this := 1; end loop;", "another value"),
    ("me", AFTER_HEAD, "  for me in 1 .. 2 loop this := 1; end loop;", "another value"),
    ("me", AFTER_HEAD, "  declare me text := 'a'; begin this := 1; end;", "another value"),
    ("me", "\ndeclare", "\n#variable_conflict use_column\ndeclare", "read as a column"),
    ("static", AFTER_HEAD, "  execute 'delete from tasks';", "kind dynexecute"),
    ("static", AFTER_HEAD, "  for this in execute 'select 1' loop return 1; end loop;", "kind dynfors"),
    ("static", AFTER_HEAD, "  begin this := 1; exception when others then this := 2; end;", "kind block"),
    ("static", AFTER_HEAD, "  raise exception 'no';", "kind raise"),
    (
        "static",
        AFTER_HEAD,
        "  begin this := 1; exception when sqlstate 'UNDO1' or division_by_zero then this := 2; end;",
        "kind block",
    ),
    (
        "static",
        AFTER_HEAD,
        "  begin this := 1; exception when sqlstate 'UNDO1' then raise; end;",
        "kind raise",
    ),
    ("static", AFTER_HEAD, "  raise sqlstate 'UNDO2';", "kind raise"),
    ("static", AFTER_HEAD, "  begin this := 1; end;", "kind block"),
    ("static", AFTER_HEAD, "  truncate tasks;", "TruncateStmt"),
    ("static", AFTER_HEAD, "  lock table tasks;", "LockStmt"),
    ("static", AFTER_HEAD, "  merge into tags using tasks on true when matched then do nothing;", "MergeStmt"),
    (
        "static",
        AFTER_HEAD,
        "  with a as (delete from tags where user_id = me returning 1) select 1 into this from a;",
        "in a WITH",
    ),
    ("calls", AFTER_HEAD, "  perform set_config('search_path', 'public', true);", "set_config, which is volatile"),
    (
        "calls",
        AFTER_HEAD,
        "  perform query_to_xml('delete from tasks', true, true, '');",
        "query_to_xml, which is volatile",
    ),
    ("calls", AFTER_HEAD, "  perform dblink('a', 'b');", "neither PostgreSQL's"),
    ("calls", "select 2 * count", "select length(now()::text)", "less stable"),
    ("clock", "  instant timestamptz;", "  instant timestamptz := clock_timestamp();", "by an assignment"),
    ("clock", "updated_at = instant", "updated_at = clock_timestamp()", "by an assignment"),
    ("clock", "instant := clock_timestamp()", "instant := now()", "stood still"),
    ("clock", "updated_at = instant", "updated_at = current_timestamp", "stood still"),
    ("calls_in_writes", "updated_at = instant", "updated_at = clock_timestamp()", "clock_timestamp in a statement"),
    ("calls_in_writes", "title = title_sent", "title = helper(me, 1)::text", "helper in a statement"),
    ("calls_in_writes", "title = title_sent", "title = to_jsonb(description)::text", "to_jsonb in a statement"),
    (
        "calls_in_writes",
        AFTER_HEAD,
        "  insert into tags (user_id) values (me) on conflict (user_id) do update set name = '' where now() > this;",
        "ON CONFLICT",
    ),
    ("head_first", "for update;", ";", "another first statement"),
    ("head_first", "for update;", "for share;", "another first statement"),
    ("head_first", "from heads where", "from tasks where", "another first statement"),
    ("token", "issued timestamptz, which", "which", "second argument"),
    ("token", "me and (erased_at is null or erased_at < issued)", "me", "another condition"),
    ("token", "or erased_at < issued", "or erased_at <= issued", "another condition"),
    ("token", "    this := make_head(me, issued);", "    this := 1;", "second statement"),
    ("token", "make_head(me, issued);", "make_head(me, now());", "second statement"),
    ("token", "if not found then\n    this", "if this is null then\n    this", "second statement"),
    ("head_first", AFTER_HEAD, "  select revision into this from heads where user_id = me;", "reads heads"),
    ("head_first", "begin\n  select revision", "begin\n  this := 0;\n  select revision", "another first statement"),
    ("head_raised", LOG, "  instant := instant;\n  insert into changes", "directly one after the other"),
    ("head_raised", "  update heads set revision = this where user_id = me;\n", "", "directly one after the other"),
    ("head_raised", "values (me, this,", "values (me, this + 1,", "another revision"),
    ("head_raised", LOG, "  insert into tags", "directly one after the other"),
    (
        "head_raised",
        AFTER_HEAD,
        "  insert into changes (user_id, revision) select me, this from tasks where user_id = me;",
        "directly one after the other",
    ),
    ("head_raised", "if not found then", "if which is null then", "returns after a write"),
    ("head_raised", AFTER_HEAD, "  delete from tags where user_id = me;", "returns after a write"),
    ("names", "instant", "updated_at", "which is also a column"),
    ("names", "title_sent text", "title text", "which is also a column"),
    ("names", "which uuid", "version uuid", "which is also a column"),
    ("size", AFTER_HEAD, AFTER_HEAD + "\n" * 60, "lines"),
    ("size", AFTER_HEAD, AFTER_HEAD * 25, "statements"),
]
"""Rule, part of `GOOD`, what is there instead, part of the complaint."""
