-- Shared by the functions of all features. `todo-api database upgrade` installs them into a schema of their version.

-- The answer of a function that writes a task: the outcome, the number of the change (null: nothing was written), the
-- version in which each field changed last (null: not needed), and the columns of a Task in their order.
create type task_answer as (
  outcome text,
  change_id bigint,
  field_versions integer[],
  id uuid,
  user_id text,
  title text,
  description text,
  completed boolean,
  priority text,
  due_date date,
  tags text[],
  completed_at timestamptz,
  created_at timestamptz,
  updated_at timestamptz,
  version integer
);

-- Makes the head row of a user who has none, locks it, and returns the next revision. All other functions lock the head
-- row by themselves, so the lock is the first statement that a reader of the function sees.
create function make_head(me text)
returns bigint
language plpgsql
set search_path from current
as $$
declare
  this bigint;
  all_tasks integer;
begin
  select count(*)::integer into all_tasks from tasks where user_id = me;
  insert into heads (user_id, revision, tasks) values (me, 0, all_tasks) on conflict (user_id) do nothing;
  select revision + 1 into this from heads where user_id = me for update;
  return this;
end;
$$;

-- Counts the tasks exactly, once. Not in the first day of the head row: until then a replica of the first release may
-- write, which does not keep the numbers.
create function count_tasks(me text, instant timestamptz)
returns void
language plpgsql
set search_path from current
as $$
declare
  since timestamptz;
  all_tasks integer;
  open_tasks integer;
begin
  select made_at into since from heads where user_id = me for update;
  if since > instant - interval '1 day' then
    return;
  end if;
  select count(*)::integer, (count(*) filter (where completed_at is null))::integer
  into all_tasks, open_tasks
  from tasks
  where user_id = me;
  update heads
  set
    tasks = all_tasks,
    pending = open_tasks
  where user_id = me;
end;
$$;

-- Deletes the oldest entries of the log, if they are older than `history_days`. It looks at 64 of them, so it is called
-- at each 32nd revision: more go than come.
create function sweep_changes(me text, instant timestamptz, history_days integer)
returns void
language plpgsql
set search_path from current
as $$
declare
  oldest bigint[] := array(select revision from changes where user_id = me order by revision limit 64);
  expired timestamptz := instant - history_days * interval '24 hours';
  last_expired bigint;
  last_removed bigint;
begin
  select max(revision) into last_expired from changes where user_id = me and revision = any (oldest) and at <= expired;
  if last_expired is null then
    return;
  end if;
  select max(revision) into last_removed from changes where user_id = me and revision <= last_expired and op = 'remove';
  update heads set floor = greatest(floor, last_removed) where user_id = me;
  delete from changes where user_id = me and revision <= last_expired;
end;
$$;

-- Raises the head row to the revision `this`, and leaves the entry in the log. `more` and `more_pending`: the number of
-- new tasks, and of new tasks that are not completed. `counted`: the head's `pending` is known.
create function log_change(
  me text,
  this bigint,
  instant timestamptz,
  which uuid,
  verb text,
  new_version integer,
  old jsonb,
  more integer,
  more_pending integer,
  counted boolean,
  history_days integer
)
returns void
language plpgsql
set search_path from current
as $$
begin
  update heads
  set
    revision = this,
    tasks = tasks + more,
    pending = pending + more_pending
  where user_id = me;
  insert into changes (user_id, revision, at, task_id, op, version, before)
  values (me, this, instant, which, verb, new_version, old);
  if not counted then
    perform count_tasks(me, instant);
  end if;
  if this % 32 = 0 then
    perform sweep_changes(me, instant, history_days);
  end if;
end;
$$;
