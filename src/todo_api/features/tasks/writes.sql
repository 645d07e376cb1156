-- The writes of tasks. Each function locks the user's head row first, so its other statements see everything that the
-- user's earlier writes committed. It raises the head only if it writes, together with one entry in `changes`.

-- Writes the fields of a task that differ. The task was `was` and will be `task`; its tags were `had` and will be `names`.
-- Returns its new row.
create function write_fields(
  me text,
  was tasks,
  task tasks,
  had text[],
  names text[],
  folded text[],
  this bigint,
  instant timestamptz,
  counted boolean,
  kept_days integer[]
)
returns tasks
language plpgsql
set search_path from current
as $$
declare
  old jsonb := differences(was, task, had, names);
begin
  task.version := was.version + 1;
  task.updated_at := instant;
  task.field_versions := fields_changed(was.field_versions, was.version, old, task.version);
  perform update_task(me, task, this, old ?| '{title,description}');
  old := old || folded_texts(was, old);
  if names <> had then
    old := old || change_tags(me, was.id, had, names, folded, instant);
  end if;
  perform
    log_change(
      me,
      this,
      instant,
      was.id,
      'change',
      task.version,
      old,
      0,
      (task.completed_at is null)::integer - (was.completed_at is null)::integer,
      counted,
      kept_days
    );
  return task;
end;
$$;

-- Creates a task, only once for each Idempotency-Key. `sent`: the columns of the task, and `completed`.
-- `names`: its tags, sorted; `folded`: the same, folded. `print`: the fingerprint of the request; null without a key.
-- `own_id`: the client made the id. `most`: the number of tasks that the user may have.
-- Outcomes: created; exists (the answer to the first try of this create was lost); id_taken; limit_reached; those of
-- `claim_key`.
create function create_task(
  me text,
  issued timestamptz,
  new_id uuid,
  own_id boolean,
  sent jsonb,
  names text[],
  folded text[],
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
    replay := claim_key(me, key_sent, print, new_id, instant, this);
    if replay.outcome is not null then
      return replay;
    end if;
  end if;
  if had_tasks >= most then
    return refuse_create(me, new_id, key_sent, 'limit_reached');
  end if;
  if own_id then
    perform from changes where user_id = me and task_id = new_id and op = 'remove';
    if found then
      return refuse_create(me, new_id, key_sent, 'id_taken');
    end if;
  end if;
  task := insert_task(me, new_id, sent, instant, this);
  if task.id is null then
    return refuse_create(me, new_id, key_sent, (array['exists', 'id_taken'])[own_id::integer + 1]);
  end if;
  perform link_tags(me, new_id, '{}', names, folded);
  perform
    log_change(
      me,
      this,
      instant,
      new_id,
      'create',
      1,
      null,
      1,
      (task.completed_at is null)::integer,
      counted is not null,
      kept_days
    );
  return answer_with('created', this, null, task, names);
end;
$$;

-- Changes the fields in `sent`, and the tags unless `names` is null. `{"toggle": true}` completes or reopens the task.
-- `versions_sent`: those of If-Match; null: any version. `merge`: another version is fine if none of the fields in `sent`
-- has changed since. Outcomes: changed, same, stale, missing.
create function change_task(
  me text,
  issued timestamptz,
  which uuid,
  sent jsonb,
  names text[],
  folded text[],
  versions_sent integer[],
  merge boolean,
  kept_days integer[]
)
returns task_answer
language plpgsql
set search_path from current
as $$
declare
  this bigint;
  counted integer;
  instant timestamptz;
  was tasks;
  task tasks;
  had text[];
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
  -- Replicas of the first release lock the task and not the head, so it is locked too.
  select * into was from tasks where user_id = me and id = which for no key update;
  if not found then
    return answer_with('missing', null, null, null, null);
  end if;
  had := array(select tag from task_tags where user_id = me and task_id = which order by tag);
  if
    was.version <> all (versions_sent)
    and not (
      merge
      and can_merge(
        was.version,
        fields_changed(was.field_versions, was.version, '{}', null),
        sent,
        names,
        versions_sent
      )
    )
  then
    return answer_with('stale', null, fields_changed(was.field_versions, was.version, '{}', null), was, had);
  end if;
  names := coalesce(names, had);
  task := jsonb_populate_record(was, sent);
  task.completed_at := completion(was.completed_at, sent, instant);
  if differences(was, task, had, names) = '{}' then
    return answer_with('same', null, null, was, had);
  end if;
  task := write_fields(me, was, task, had, names, folded, this, instant, counted is not null, kept_days);
  return answer_with('changed', this, null, task, names);
end;
$$;

-- Removes the task: it goes to the trash. `versions_sent`: as in `change_task`. Outcomes: removed, stale, missing.
create function remove_task(me text, issued timestamptz, which uuid, versions_sent integer[], kept_days integer[])
returns task_answer
language plpgsql
set search_path from current
as $$
declare
  this bigint;
  counted integer;
  instant timestamptz;
  was tasks;
  had text[];
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
  -- As in `change_task`.
  select * into was from tasks where user_id = me and id = which for update;
  if not found then
    return answer_with('missing', null, null, null, null);
  end if;
  had := array(select tag from task_tags where user_id = me and task_id = which order by tag);
  if was.version <> all (versions_sent) then
    return answer_with('stale', null, fields_changed(was.field_versions, was.version, '{}', null), was, had);
  end if;
  perform remove_row(me, was, had, this, instant, counted is not null, kept_days);
  return answer_with('removed', this, null, was, had);
end;
$$;
