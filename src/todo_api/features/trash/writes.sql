-- The trash. A task is in the trash if it has an entry `remove` in the log whose `before` is not null and that is younger
-- than `kept_days[2]`. Restoring makes the entry `remove_undone`, so a task has at most one entry `remove`.

-- The answer of a function that deletes for good: the outcome, the number of the change (null: nothing was written), and
-- the number of tasks that are still in the trash.
create type purge_answer as (outcome text, change_id bigint, tasks_left integer);

-- The answer to a request of one task in the trash that writes nothing. Its key is free again. `refusal`: what is wrong
-- with the task in the trash; null: there is none. It is live then, or missing.
create function refuse_restore(me text, which uuid, entry changes, key_sent text, versions_sent integer[], refusal text)
returns task_answer
language plpgsql
set search_path from current
as $$
declare
  task tasks;
  names text[];
begin
  delete from idempotency_keys where user_id = me and key = key_sent;
  if refusal is null then
    select * into task from tasks where user_id = me and id = which;
    names := array(select tag from task_tags where user_id = me and task_id = which order by tag);
    refusal := case
      when task.id is null then 'missing'
      when task.version <> all (versions_sent) then 'stale'
      else 'same'
    end;
  else
    task := jsonb_populate_record(null::tasks, entry.before);
    task.id := which;
    task.user_id := me;
    task.version := entry.version;
    names := array(select jsonb_array_elements_text(entry.before -> 'tags'));
  end if;
  return answer_with(refusal, null, fields_changed(task.field_versions, task.version, '{}', null), task, names);
end;
$$;

-- Takes the task out of the trash, only once for each Idempotency-Key. `versions_sent`: as in `change_task`; the deletion
-- is a version of the task. `print` and `most`: as in `create_task`.
-- Outcomes: restored; same (it is not deleted); missing, stale, limit_reached; those of `claim_key`.
create function restore_task(
  me text,
  issued timestamptz,
  which uuid,
  versions_sent integer[],
  key_sent text,
  print bytea,
  most integer,
  kept_days integer[]
)
returns task_answer
language plpgsql
set search_path from current
as $$
declare
  this bigint;
  had_tasks integer;
  counted integer;
  instant timestamptz;
  entry changes;
  task tasks;
  replay task_answer;
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
    replay := claim_key(me, key_sent, print, which, instant, this);
    if replay.outcome = 'replayed' then
      select * into task from tasks where user_id = me and id = which;
      return answer_with(
        'replayed',
        replay.change_id,
        null,
        task,
        array(select tag from task_tags where user_id = me and task_id = which order by tag)
      );
    elseif replay.outcome is not null then
      return replay;
    end if;
  end if;
  entry := trash_entry(me, which, instant, kept_days);
  if entry.revision is null then
    return refuse_restore(me, which, entry, key_sent, versions_sent, null);
  elseif entry.version <> all (versions_sent) then
    return refuse_restore(me, which, entry, key_sent, versions_sent, 'stale');
  elseif had_tasks >= most then
    return refuse_restore(me, which, entry, key_sent, versions_sent, 'limit_reached');
  end if;
  task := restore_row(me, entry, this, instant, counted is not null, kept_days);
  return answer_with(
    'restored',
    this,
    null,
    task,
    array(select tag from task_tags where user_id = me and task_id = which order by tag)
  );
end;
$$;

-- Deletes the task in the trash for good. `versions_sent`: as in `restore_task`. Outcomes: purged, missing, stale.
create function purge_task(me text, issued timestamptz, which uuid, versions_sent integer[], kept_days integer[])
returns task_answer
language plpgsql
set search_path from current
as $$
declare
  this bigint;
  counted integer;
  instant timestamptz;
  entry changes;
  answer task_answer;
begin
  select revision + 1, pending
  into this, counted
  from heads
  where user_id = me and (erased_at is null or erased_at < issued)
  for update;
  if not found then
    this := make_head(me, issued);
  end if;
  instant := clock_timestamp();
  entry := trash_entry(me, which, instant, kept_days);
  if entry.revision is null then
    return answer_with('missing', null, null, null, null);
  elseif entry.version <> all (versions_sent) then
    return refuse_restore(me, which, entry, null, null, 'stale');
  end if;
  perform purge_entries(me, array[entry.revision]);
  perform log_change(me, this, instant, which, 'purge', entry.version, null, 0, 0, counted is not null, kept_days);
  answer.outcome := 'purged';
  answer.change_id := this;
  return answer;
end;
$$;

-- Deletes the tasks in the trash for good: the oldest `most` of them. Outcomes: purged; same (the trash is empty).
create function empty_trash(me text, issued timestamptz, most integer, kept_days integer[])
returns purge_answer
language plpgsql
set search_path from current
as $$
declare
  this bigint;
  counted integer;
  instant timestamptz;
  gone bigint[];
  answer purge_answer;
begin
  select revision + 1, pending
  into this, counted
  from heads
  where user_id = me and (erased_at is null or erased_at < issued)
  for update;
  if not found then
    this := make_head(me, issued);
  end if;
  instant := clock_timestamp();
  -- The ones that are hidden because of their age go, too.
  gone := array(
    select revision
    from changes
    where user_id = me and op = 'remove' and before is not null
    order by at, revision
    limit most + 1
  );
  answer.tasks_left := greatest(cardinality(gone) - most, 0);
  if cardinality(gone) = 0 then
    answer.outcome := 'same';
    return answer;
  end if;
  perform purge_entries(me, gone[1:most]);
  perform
    log_change(
      me,
      this,
      instant,
      '00000000-0000-0000-0000-000000000000',
      'purge',
      1,
      null,
      0,
      0,
      counted is not null,
      kept_days
    );
  answer.outcome := 'purged';
  answer.change_id := this;
  return answer;
end;
$$;
