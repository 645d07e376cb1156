-- The writes of tasks. Each function locks the user's head row first, so its other statements see everything that the
-- user's earlier writes committed. It raises the head only if it writes, together with one entry in `changes`.

-- A task with its tags as an answer. The row has no cast to `task_answer`: a node of a cluster checks the body of its
-- copy under its own `search_path`, and would not find the type.
create function answer_with(outcome text, change_id bigint, field_versions integer[], task tasks, names text[])
returns task_answer
language sql
immutable
as $$
  select
    row(
      outcome,
      change_id,
      field_versions,
      task.id,
      task.user_id,
      task.title,
      task.description,
      task.completed_at is not null,
      (array['High', 'Medium', 'Low'])[task.priority],
      task.due_date,
      names,
      task.completed_at,
      task.created_at,
      task.updated_at,
      task.version
    );
$$;

-- The fields that differ, with their values in `was`, by column. The tags were `had` and will be `names`.
create function differences(was tasks, task tasks, had text[], names text[])
returns jsonb
language sql
stable
as $$
  select
    case
      when task.title <> was.title then jsonb_build_object('title', was.title)
      else '{}'
    end || case
      when task.description is distinct from was.description then jsonb_build_object('description', was.description)
      else '{}'
    end || case
      when task.completed_at is distinct from was.completed_at then jsonb_build_object('completed_at', was.completed_at)
      else '{}'
    end || case
      when task.priority <> was.priority then jsonb_build_object('priority', was.priority)
      else '{}'
    end || case
      when task.due_date is distinct from was.due_date then jsonb_build_object('due_date', was.due_date)
      else '{}'
    end || case
      when names <> had then jsonb_build_object('tags', had)
      else '{}'
    end;
$$;

-- The version in which each field changed last, in the order of FIELDS in fields.py. `old`: as from `differences`.
create function fields_changed(was tasks, old jsonb, new_version integer)
returns integer[]
language sql
immutable
as $$
  select
    array[
      case
        when old ? 'title' then new_version
        else coalesce(was.field_versions[1], was.version)
      end,
      case
        when old ? 'description' then new_version
        else coalesce(was.field_versions[2], was.version)
      end,
      case
        when old ? 'completed_at' then new_version
        else coalesce(was.field_versions[3], was.version)
      end,
      case
        when old ? 'priority' then new_version
        else coalesce(was.field_versions[4], was.version)
      end,
      case
        when old ? 'due_date' then new_version
        else coalesce(was.field_versions[5], was.version)
      end,
      case
        when old ? 'tags' then new_version
        else coalesce(was.field_versions[6], was.version)
      end
    ];
$$;

-- Claims the key for the task `new_id`, and deletes some old keys. The outcome is null if the key was free or older than
-- seven days. Otherwise it is replayed, key_reused (with another request) or task_deleted, and `id`, `created_at` and
-- `change_id` are those of the task that the key created.
create function claim_key(me text, key_sent text, print bytea, new_id uuid, instant timestamptz, this bigint)
returns task_answer
language plpgsql
set search_path from current
as $$
declare
  expired timestamptz := instant - interval '168 hours';
  kept idempotency_keys;
  answer task_answer;
begin
  insert into idempotency_keys as present (user_id, key, fingerprint, task_id, created_at, revision)
  values (me, key_sent, print, new_id, instant, this)
  on conflict (user_id, key) do update
    set
      fingerprint = excluded.fingerprint,
      task_id = excluded.task_id,
      created_at = excluded.created_at,
      revision = excluded.revision
    where present.created_at <= expired;
  if found then
    delete from idempotency_keys
    where
      user_id = me
      and key = any (
        array(select key from idempotency_keys where user_id = me and created_at <= expired order by created_at limit 5)
      );
    return answer;
  end if;
  select * into kept from idempotency_keys where user_id = me and key = key_sent;
  answer.outcome := case
    when kept.fingerprint <> print then 'key_reused'
    when exists (select from tasks where user_id = me and id = kept.task_id) then 'replayed'
    else 'task_deleted'
  end;
  answer.change_id := kept.revision;
  answer.id := kept.task_id;
  answer.created_at := kept.created_at;
  return answer;
end;
$$;

-- The task that has this id. A create meets it if the answer to its first try was lost.
create function existing_task(me text, which uuid)
returns task_answer
language plpgsql
set search_path from current
as $$
declare
  task tasks;
begin
  select * into task from tasks where user_id = me and id = which;
  return answer_with(
    'exists',
    task.revision,
    null,
    task,
    array(select tag from task_tags where user_id = me and task_id = which order by tag)
  );
end;
$$;

-- Ties the task to the tags in `names` that it did not have.
create function link_tags(me text, which uuid, had text[], names text[], folded text[])
returns void
language plpgsql
set search_path from current
as $$
begin
  for place in 1..cardinality(names) loop
    continue when names[place] = any (had);
    insert into tags (user_id, name, name_folded) values (me, names[place], folded[place]) on conflict do nothing;
    insert into task_tags (user_id, task_id, tag) values (me, which, names[place]);
  end loop;
end;
$$;

-- Removes the task's links to the tags that are not in `names`. A tag without links is deleted, and so are some that
-- are next to it by name.
create function unlink_tags(me text, which uuid, had text[], names text[], instant timestamptz)
returns void
language plpgsql
set search_path from current
as $$
declare
  dropped text;
  nearby text[];
begin
  foreach dropped in array had loop
    continue when dropped = any (names);
    delete from task_tags where user_id = me and task_id = which and tag = dropped;
    continue when exists (select from task_tags where user_id = me and tag = dropped);
    -- Replicas of the first release do not lock the head, and may link the tag now. After a day they have stopped.
    continue when
      coalesce(
        (select at from changes where user_id = me order by revision limit 1),
        instant
      ) > instant - interval '1 day';
    nearby := array(select name from tags where user_id = me and name >= dropped order by name limit 5);
    delete from tags
    where
      user_id = me
      and name = any (nearby)
      and not exists (select from task_tags where user_id = me and tag = tags.name);
  end loop;
end;
$$;

-- Creates a task, only once for each Idempotency-Key. `sent`: the columns of the task, and `completed`.
-- `names`: its tags, sorted; `folded`: the same, folded. `print`: the fingerprint of the request; null without a key.
-- Outcomes: created; exists (a task has this id, and is the answer); those of `claim_key`.
create function create_task(me text, new_id uuid, sent jsonb, names text[], folded text[], key_sent text, print bytea)
returns task_answer
language plpgsql
set search_path from current
as $$
declare
  this bigint;
  instant timestamptz;
  task tasks;
  replay task_answer;
begin
  select revision + 1 into this from heads where user_id = me for update;
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
  task := jsonb_populate_record(null::tasks, sent);
  task.completed_at := case
    when (sent -> 'completed')::boolean then instant
  end;
  insert into tasks
    (
      user_id,
      id,
      title,
      description,
      priority,
      due_date,
      completed_at,
      created_at,
      updated_at,
      version,
      title_folded,
      description_folded,
      revision
    )
  values
    (
      me,
      new_id,
      task.title,
      task.description,
      task.priority,
      task.due_date,
      task.completed_at,
      instant,
      instant,
      1,
      task.title_folded,
      task.description_folded,
      this
    )
  on conflict (user_id, id) do nothing
  returning *
  into task;
  if not found then
    return existing_task(me, new_id);
  end if;
  perform link_tags(me, new_id, '{}', names, folded);
  update heads set revision = this where user_id = me;
  insert into changes (user_id, revision, at, task_id, op, version, before)
  values (me, this, instant, new_id, 'create', 1, null);
  return answer_with('created', this, null, task, names);
end;
$$;

-- Writes the columns of a task that a client can change, and its version. `texts`: the title or the description, too.
-- Without them PostgreSQL need not compute the stems again.
create function update_task(me text, task tasks, fields integer[], this bigint, texts boolean)
returns void
language plpgsql
set search_path from current
as $$
begin
  if texts then
    update tasks
    set
      title = task.title,
      description = task.description,
      title_folded = task.title_folded,
      description_folded = task.description_folded,
      priority = task.priority,
      due_date = task.due_date,
      completed_at = task.completed_at,
      updated_at = task.updated_at,
      version = task.version,
      field_versions = fields,
      revision = this
    where user_id = me and id = task.id;
  else
    update tasks
    set
      priority = task.priority,
      due_date = task.due_date,
      completed_at = task.completed_at,
      updated_at = task.updated_at,
      version = task.version,
      field_versions = fields,
      revision = this
    where user_id = me and id = task.id;
  end if;
end;
$$;

-- Changes the fields in `sent`, and the tags unless `names` is null. `{"toggle": true}` completes or reopens the task.
-- `versions_sent`: those of If-Match; null: any version. Outcomes: changed, same, stale, missing.
create function change_task(me text, which uuid, sent jsonb, names text[], folded text[], versions_sent integer[])
returns task_answer
language plpgsql
set search_path from current
as $$
declare
  this bigint;
  instant timestamptz;
  was tasks;
  task tasks;
  had text[];
  old jsonb;
begin
  select revision + 1 into this from heads where user_id = me for update;
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
  if was.version <> all (versions_sent) then
    return answer_with('stale', null, fields_changed(was, '{}', null), was, had);
  end if;
  names := coalesce(names, had);
  task := jsonb_populate_record(was, sent);
  if sent ? 'toggle' then
    task.completed_at := case
      when was.completed_at is null then instant
    end;
  elseif sent ? 'completed' then
    task.completed_at := case
      when (sent -> 'completed')::boolean then coalesce(was.completed_at, instant)
    end;
  end if;
  old := differences(was, task, had, names);
  if old = '{}' then
    return answer_with('same', null, null, was, had);
  end if;
  task.version := was.version + 1;
  task.updated_at := instant;
  perform update_task(me, task, fields_changed(was, old, task.version), this, old ?| '{title,description}');
  if names <> had then
    perform link_tags(me, which, had, names, folded);
    perform unlink_tags(me, which, had, names, instant);
  end if;
  update heads set revision = this where user_id = me;
  insert into changes (user_id, revision, at, task_id, op, version, before)
  values (me, this, instant, which, 'change', task.version, old);
  return answer_with('changed', this, null, task, names);
end;
$$;

-- Deletes the task. `versions_sent`: as in `change_task`. Outcomes: removed, stale, missing.
create function remove_task(me text, which uuid, versions_sent integer[])
returns task_answer
language plpgsql
set search_path from current
as $$
declare
  this bigint;
  instant timestamptz;
  was tasks;
  had text[];
begin
  select revision + 1 into this from heads where user_id = me for update;
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
  update heads set revision = this where user_id = me;
  insert into changes (user_id, revision, at, task_id, op, version, before)
  values
    (
      me,
      this,
      instant,
      which,
      'remove',
      was.version + 1,
      to_jsonb(was) - '{user_id,id,title_folded,description_folded,stems}'::text[] || jsonb_build_object('tags', had)
    );
  return answer_with('removed', this, null, was, had);
end;
$$;
