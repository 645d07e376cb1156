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

-- Makes the head row of a user who has none, locks it, and returns the next revision. `issued`: when the token of the
-- request was issued. Raises ZE001 if the account was erased at that time or later. All other functions lock the head row
-- by themselves, so the lock is the first statement that a reader of the function sees.
create function make_head(me text, issued timestamptz)
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
  select revision + 1
  into this
  from heads
  where user_id = me and (erased_at is null or erased_at < issued)
  for update;
  if not found then
    raise exception 'the account was erased, and the token was issued before' using errcode = 'ZE001';
  end if;
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

-- Deletes the tasks of these entries of the trash for good: the entries lose their content, and all other entries of
-- these tasks go. The entries stay, since `/changes` shows them as deletions; only those that the sweep of the log has
-- passed go too. The keys of batches lose their answers, which have the texts too.
create function purge_entries(me text, gone bigint[])
returns void
language plpgsql
set search_path from current
as $$
declare
  ids uuid[] := array(select task_id from changes where user_id = me and revision = any (gone));
  -- The ids as keys, which are searched for by halves. An array is compared one by one under a generic plan.
  by_id jsonb := (select jsonb_object_agg(id, true) from unnest(ids) as id);
  passed bigint;
  last_gone bigint;
begin
  select swept into passed from heads where user_id = me for update;
  -- An entry of a batch stays without content: an undo of the batch counts its entries.
  delete from changes where user_id = me and task_id = any (ids) and op <> 'remove' and batch is null;
  update changes set before = null where user_id = me and task_id = any (ids) and before is not null;
  update idempotency_keys
  set answers = null
  where user_id = me and exists (select from jsonb_array_elements(answers) as answer where by_id ? (answer ->> 'id'));
  last_gone := (select max(revision) from changes where user_id = me and revision = any (gone) and revision <= passed);
  if last_gone is not null then
    update heads set floor = greatest(floor, last_gone) where user_id = me;
    delete from changes where user_id = me and revision = any (gone) and revision <= passed;
  end if;
end;
$$;

-- Deletes the oldest tasks of the trash for good, if they are older than `kept_days[2]`: at most 64.
create function sweep_trash(me text, instant timestamptz, kept_days integer[])
returns void
language plpgsql
set search_path from current
as $$
declare
  expired timestamptz := instant - kept_days[2] * interval '24 hours';
  oldest bigint[] := array(
    select revision
    from changes
    where user_id = me and op = 'remove' and before is not null and at <= expired
    order by at, revision
    limit 64
  );
begin
  if cardinality(oldest) > 0 then
    perform purge_entries(me, oldest);
  end if;
end;
$$;

-- Deletes the oldest entries of the log, if they are older than `kept_days[1]`, except those in the trash. It looks at
-- 64 of them, so it is called at each 32nd revision: more go than come. `heads.swept` is where the next call begins, so
-- the entries in the trash, which stay behind, are not looked at again.
create function sweep_changes(me text, instant timestamptz, kept_days integer[])
returns void
language plpgsql
set search_path from current
as $$
declare
  expired timestamptz := instant - kept_days[1] * interval '24 hours';
  passed bigint;
  oldest bigint[];
  last_expired bigint;
  last_removed bigint;
begin
  perform sweep_trash(me, instant, kept_days);
  select swept into passed from heads where user_id = me for update;
  oldest := array(select revision from changes where user_id = me and revision > passed order by revision limit 64);
  select max(revision) into last_expired from changes where user_id = me and revision = any (oldest) and at <= expired;
  if last_expired is null then
    return;
  end if;
  last_removed := (
    select max(revision)
    from changes
    where user_id = me and revision > passed and revision <= last_expired and op = 'remove' and before is null
  );
  update heads
  set
    floor = greatest(floor, last_removed),
    swept = last_expired
  where user_id = me;
  delete from changes
  where user_id = me and revision > passed and revision <= last_expired and not (op = 'remove' and before is not null);
end;
$$;

-- Raises the head row to the revision `this`, and leaves the entry in the log. `more` and `more_pending`: the number of
-- new tasks, and of new tasks that are not completed. `counted`: the head's `pending` is known. `kept_days`: for how many
-- days the log and the trash are kept.
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
  kept_days integer[]
)
returns void
language plpgsql
set search_path from current
as $$
declare
  since timestamptz;
begin
  update heads
  set
    revision = this,
    tasks = tasks + more,
    pending = pending + more_pending
  where user_id = me
  returning made_at
  into since;
  insert into changes (user_id, revision, at, task_id, op, version, before)
  values (me, this, instant, which, verb, new_version, old);
  -- The same condition as in `count_tasks`, which then needs no query in the first day.
  if not counted and since <= instant - interval '1 day' then
    perform count_tasks(me, instant);
  end if;
  if this % 32 = 0 then
    perform sweep_changes(me, instant, kept_days);
  end if;
end;
$$;
