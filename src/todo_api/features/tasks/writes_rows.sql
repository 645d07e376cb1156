-- The rows of a task: its own, and its links to tags. Only functions that hold the lock of the head call these.

-- Ties the task to the tags in `names` that it did not have.
create function link_tags(me text, which uuid, had text[], names text[], folded text[])
returns void
language plpgsql
set search_path from current
as $$
begin
  for place in 1..cardinality(names) loop
    continue when names[place] = any (had);
    -- Most tags exist. A query costs less than an insert that meets a conflict.
    perform from tags where user_id = me and name = names[place];
    if not found then
      insert into tags (user_id, name, name_folded) values (me, names[place], folded[place]) on conflict do nothing;
    end if;
    insert into task_tags (user_id, task_id, tag) values (me, which, names[place]);
  end loop;
end;
$$;

-- Removes the task's links to the tags that are not in `names`, and those of the tags that no task has now.
create function unlink_tags(me text, which uuid, had text[], names text[], instant timestamptz)
returns void
language plpgsql
set search_path from current
as $$
declare
  dropped text;
begin
  foreach dropped in array had loop
    continue when dropped = any (names);
    delete from task_tags where user_id = me and task_id = which and tag = dropped;
    continue when exists (select from task_tags where user_id = me and tag = dropped);
    perform forget_tag(me, dropped, instant);
  end loop;
end;
$$;

-- Replaces the tags that the task had by those in `names`. Returns the `folds_of_tags` of those that it had.
create function change_tags(me text, which uuid, had text[], names text[], folded text[], instant timestamptz)
returns jsonb
language plpgsql
set search_path from current
as $$
declare
  folds jsonb := '{}'::jsonb;
begin
  if cardinality(had) > 0 then
    folds := folds_of_tags(me, had);
  end if;
  perform link_tags(me, which, had, names, folded);
  perform unlink_tags(me, which, had, names, instant);
  return folds;
end;
$$;

-- Inserts the task with the columns in `content`, and `completed`; a column that is missing has the value of a new task.
-- Returns its row, or null if the id is taken.
create function insert_task(me text, new_id uuid, content jsonb, instant timestamptz, this bigint)
returns tasks
language plpgsql
set search_path from current
as $$
declare
  task tasks := jsonb_populate_record(null::tasks, content);
begin
  task.completed_at := case
    when (content -> 'completed')::boolean then instant
    else task.completed_at
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
      field_versions,
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
      coalesce(task.priority, 2),
      task.due_date,
      task.completed_at,
      coalesce(task.created_at, instant),
      instant,
      coalesce(task.version, 1),
      task.field_versions,
      task.title_folded,
      coalesce(task.description_folded, ''),
      this
    )
  on conflict (user_id, id) do nothing
  returning *
  into task;
  return task;
end;
$$;

-- Writes the columns of a task that a client can change, and its version. `texts`: the title or the description, too.
-- Without them PostgreSQL need not compute the stems again.
create function update_task(me text, task tasks, this bigint, texts boolean)
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
      field_versions = task.field_versions,
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
      field_versions = task.field_versions,
      revision = this
    where user_id = me and id = task.id;
  end if;
end;
$$;
