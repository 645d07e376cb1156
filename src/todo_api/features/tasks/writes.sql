-- The writes of tasks. Each function locks the user's head row first, so its other statements see everything that the
-- user's earlier writes committed. It raises the head only if it writes, together with one entry in `changes`.

-- Creates a task, only once for each Idempotency-Key. `sent`: the columns of the task, and `completed`.
-- `names`: its tags, sorted; `folded`: the same, folded. `print`: the fingerprint of the request; null without a key.
-- `own_id`: the client made the id. `most`: the number of tasks that the user may have.
-- Outcomes: created; exists (the answer to the first try of this create was lost); id_taken; limit_reached; those of
-- `claim_key`.
create function create_task(
  me text,
  new_id uuid,
  own_id boolean,
  sent jsonb,
  names text[],
  folded text[],
  key_sent text,
  print bytea,
  most integer,
  history_days integer
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
  select revision + 1, tasks, pending into this, had_tasks, counted from heads where user_id = me for update;
  if not found then
    this := make_head(me);
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
    return refuse_create(
      me,
      new_id,
      key_sent,
      case
        when own_id then 'id_taken'
        else 'exists'
      end
    );
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
      history_days
    );
  return answer_with('created', this, null, task, names);
end;
$$;

-- Changes the fields in `sent`, and the tags unless `names` is null. `{"toggle": true}` completes or reopens the task.
-- `versions_sent`: those of If-Match; null: any version. `merge`: another version is fine if none of the fields in `sent`
-- has changed since. Outcomes: changed, same, stale, missing.
create function change_task(
  me text,
  which uuid,
  sent jsonb,
  names text[],
  folded text[],
  versions_sent integer[],
  merge boolean,
  history_days integer
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
  old jsonb;
begin
  select revision + 1, pending into this, counted from heads where user_id = me for update;
  if not found then
    this := make_head(me);
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
    and not (merge and can_merge(was.version, fields_changed(was, '{}', null), sent, names, versions_sent))
  then
    return answer_with('stale', null, fields_changed(was, '{}', null), was, had);
  end if;
  names := coalesce(names, had);
  task := jsonb_populate_record(was, sent);
  task.completed_at := completion(was.completed_at, sent, instant);
  old := differences(was, task, had, names);
  if old = '{}' then
    return answer_with('same', null, null, was, had);
  end if;
  task.version := was.version + 1;
  task.updated_at := instant;
  perform update_task(me, task, fields_changed(was, old, task.version), this, old ?| '{title,description}');
  if names <> had then
    perform change_tags(me, which, had, names, folded, instant);
  end if;
  perform
    log_change(
      me,
      this,
      instant,
      which,
      'change',
      task.version,
      old,
      0,
      (task.completed_at is null)::integer - (was.completed_at is null)::integer,
      counted is not null,
      history_days
    );
  return answer_with('changed', this, null, task, names);
end;
$$;

-- Deletes the task. `versions_sent`: as in `change_task`. Outcomes: removed, stale, missing.
create function remove_task(me text, which uuid, versions_sent integer[], history_days integer)
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
  select revision + 1, pending into this, counted from heads where user_id = me for update;
  if not found then
    this := make_head(me);
  end if;
  instant := clock_timestamp();
  -- As in `change_task`.
  select * into was from tasks where user_id = me and id = which for update;
  if not found then
    return answer_with('missing', null, null, null, null);
  end if;
  had := array(select tag from task_tags where user_id = me and task_id = which order by tag);
  if was.version <> all (versions_sent) then
    return answer_with('stale', null, fields_changed(was, '{}', null), was, had);
  end if;
  perform unlink_tags(me, which, had, '{}', instant);
  delete from tasks where user_id = me and id = which;
  perform
    log_change(
      me,
      this,
      instant,
      which,
      'remove',
      was.version + 1,
      to_jsonb(was) - '{user_id,id,title_folded,description_folded,stems}'::text[] || jsonb_build_object('tags', had),
      -1,
      -(was.completed_at is null)::integer,
      counted is not null,
      history_days
    );
  return answer_with('removed', this, null, was, had);
end;
$$;
