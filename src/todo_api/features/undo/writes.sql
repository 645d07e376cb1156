-- Takes back a write, or a batch of writes. A field goes back if its value is still the one that the write set, whether
-- or not it was another one in between. So a client can take back several writes one after the other, the last one first.

-- The answer of a function that takes back: the outcome, the number of the last change (null: nothing was written), the
-- tasks and deletions that it made, and the fields of tasks that could not go back: `[{"id", "fields"}]`.
create type undo_answer as (outcome text, change_id bigint, tasks jsonb[], conflicts jsonb);

-- Takes back the entries from `earliest` to `latest`, the last one first. The revisions begin with `this`.
create function undo_entries(
  me text,
  earliest bigint,
  latest bigint,
  this bigint,
  instant timestamptz,
  counted boolean,
  kept_days integer[]
)
returns undo_answer
language plpgsql
set search_path from current
as $$
declare
  revisions bigint[] := array(
    select revision from changes where user_id = me and revision between earliest and latest order by revision desc
  );
  place bigint;
  entry changes;
  step jsonb;
  conflicts jsonb[] := '{}'::jsonb[];
  final bigint := this - 1;
  answer undo_answer;
begin
  foreach place in array revisions loop
    select * into entry from changes where user_id = me and revision = place;
    step := undo_entry(me, entry, final + 1, instant, counted, kept_days);
    if (step -> 'done')::boolean then
      final := final + 1;
    end if;
    if step ? 'fields' then
      conflicts := conflicts || jsonb_build_object('id', entry.task_id, 'fields', step -> 'fields');
    end if;
  end loop;
  if final > this then
    update changes set batch = this where user_id = me and revision between this and final;
  end if;
  if final >= this then
    answer.change_id := final;
  end if;
  answer.conflicts := to_jsonb(conflicts);
  return answer;
end;
$$;

-- The tasks that these revisions changed, as they are now: `{"id", "version", "task"}`. A deleted one has no `task`.
create function changed_tasks(me text, earliest bigint, latest bigint)
returns jsonb[]
language plpgsql
set search_path from current
as $$
declare
  ids uuid[] := array(select task_id from changes where user_id = me and revision between earliest and latest);
  names jsonb := tags_by_task(me, ids);
begin
  return array(
    select jsonb_build_object('id', task_id, 'version', version)
    from changes
    where user_id = me and task_id = any (ids) and op = 'remove'
    order by revision
  ) || array(
    select
      jsonb_build_object(
        'id',
        id,
        'version',
        version,
        'task',
        to_jsonb(tasks) || jsonb_build_object('tags', coalesce(names -> id::text, '[]'))
      )
    from tasks
    where user_id = me and id = any (ids)
    order by revision
  );
end;
$$;

-- Takes back the write with this number, which is the last revision of a batch. `room`: the number of tasks that the user
-- may have in addition. Outcomes: undone; conflict; unknown (no write has this number); too_old (its entry is gone, or its
-- task was deleted for good); limit_reached.
create function undo_write(
  me text,
  latest bigint,
  this bigint,
  instant timestamptz,
  room integer,
  counted boolean,
  kept_days integer[]
)
returns undo_answer
language plpgsql
set search_path from current
as $$
declare
  entry changes;
  earliest bigint := latest;
  entries integer;
  removals integer;
  others integer;
  answer undo_answer;
begin
  if latest >= this then
    answer.outcome := 'unknown';
    return answer;
  end if;
  select * into entry from changes where user_id = me and revision = latest;
  earliest := coalesce(entry.batch, latest);
  select
    count(*)::integer,
    (count(*) filter (where op like 'remove%'))::integer,
    (count(*) filter (where op <> 'change' or before - '{tags,tags_folded}'::text[] <> '{}'))::integer
  into entries, removals, others
  from changes
  where user_id = me and revision between earliest and latest;
  perform from changes where user_id = me and revision = latest + 1 and batch = entry.batch;
  if found then
    answer.outcome := 'unknown';
  elseif entries < latest - earliest + 1 or entry.op = 'purge' or (entry.op = 'remove' and entry.before is null) then
    answer.outcome := 'too_old';
  elseif entry.op = 'remove' and entries = 1 and entry.at <= instant - kept_days[2] * interval '24 hours' then
    -- The task is not in the trash any more, but no write has deleted it for good yet.
    answer.outcome := 'too_old';
  elseif removals > room then
    answer.outcome := 'limit_reached';
  end if;
  if answer.outcome is not null then
    return answer;
  end if;
  if entries > 1 and others = 0 then
    answer := undo_retagging(me, earliest, latest, this, instant, kept_days);
  else
    answer := undo_entries(me, earliest, latest, this, instant, counted, kept_days);
  end if;
  answer.outcome := case
    when answer.change_id is null then 'conflict'
    else 'undone'
  end;
  if answer.change_id is not null then
    answer.tasks := changed_tasks(me, this, answer.change_id);
  end if;
  return answer;
end;
$$;

-- Takes back the write, only once for each Idempotency-Key. `print` and `most`: as in `create_task`.
-- Outcomes: replayed (the answer has the tasks as they are now), key_reused, and those of `undo_write`.
create function undo_change(
  me text,
  issued timestamptz,
  latest bigint,
  key_sent text,
  print bytea,
  most integer,
  kept_days integer[]
)
returns undo_answer
language plpgsql
set search_path from current
as $$
declare
  this bigint;
  had_tasks integer;
  counted integer;
  instant timestamptz;
  earliest bigint;
  replay task_answer;
  answer undo_answer;
begin
  select revision + 1, tasks, pending
  into this, had_tasks, counted
  from heads
  where user_id = me and (erased_at is null or erased_at < issued)
  for update;
  if not found then
    this := make_head(me, issued);
  end if;
  instant := clock_timestamp();
  if key_sent is not null then
    replay := claim_key(me, key_sent, print, '00000000-0000-0000-0000-000000000000', instant, this);
    answer.outcome := replay.outcome;
    if answer.outcome = 'replayed' then
      answer.change_id := replay.change_id;
      answer.conflicts := (select conflicts from idempotency_keys where user_id = me and key = key_sent);
      select batch into earliest from changes where user_id = me and revision = answer.change_id;
      answer.tasks := changed_tasks(me, coalesce(earliest, answer.change_id), answer.change_id);
    end if;
    if answer.outcome is not null then
      return answer;
    end if;
  end if;
  answer := undo_write(me, latest, this, instant, most - coalesce(had_tasks, 0), counted is not null, kept_days);
  if key_sent is not null then
    update idempotency_keys
    set
      revision = answer.change_id,
      conflicts = answer.conflicts
    where user_id = me and key = key_sent;
    delete from idempotency_keys where user_id = me and key = key_sent and revision is null;
  end if;
  return answer;
end;
$$;
