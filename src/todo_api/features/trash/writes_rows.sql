-- Rows that go to the trash and come back.

-- Removes the task, which has the tags `had`, and leaves it in the trash. Without days of trash it is deleted for good.
create function remove_row(
  me text,
  was tasks,
  had text[],
  this bigint,
  instant timestamptz,
  counted boolean,
  kept_days integer[]
)
returns void
language plpgsql
set search_path from current
as $$
declare
  old jsonb;
begin
  if kept_days[2] > 0 then
    old := to_jsonb(was) - '{user_id,id,title_folded,description_folded,stems}'::text[] || jsonb_build_object(
      'tags',
      had
    );
    old := old || folded_texts(was, old);
    if cardinality(had) > 0 then
      old := old || folds_of_tags(me, had);
    end if;
  end if;
  perform unlink_tags(me, was.id, had, '{}', instant);
  delete from tasks where user_id = me and id = was.id;
  perform
    log_change(
      me,
      this,
      instant,
      was.id,
      'remove',
      was.version + 1,
      old,
      -1,
      -(was.completed_at is null)::integer,
      counted,
      kept_days
    );
  if old is null then
    perform purge_entries(me, array[this]);
  end if;
end;
$$;

-- The task's entry in the trash. All null if it is not there.
create function trash_entry(me text, which uuid, instant timestamptz, kept_days integer[])
returns changes
language plpgsql
set search_path from current
as $$
declare
  entry changes;
begin
  select *
  into entry
  from changes
  where
    user_id = me
    and task_id = which
    and op = 'remove'
    and before is not null
    and at > instant - kept_days[2] * interval '24 hours'
  order by revision desc
  limit 1;
  return entry;
end;
$$;

-- Makes the task of the entry in the trash anew, with its next version. Returns its row.
create function restore_row(
  me text,
  entry changes,
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
  task tasks := jsonb_populate_record(null::tasks, entry.before);
  names text[] := array(select jsonb_array_elements_text(entry.before -> 'tags'));
  passed bigint;
  content jsonb;
begin
  content := with_folded(entry.before) || jsonb_build_object(
    'version',
    entry.version + 1,
    'field_versions',
    fields_changed(task.field_versions, coalesce(task.version, entry.version - 1), '{}', null)
  );
  task := insert_task(me, entry.task_id, content, instant, this);
  perform link_tags(me, entry.task_id, '{}', names, folded_names(names, entry.before -> 'tags_folded'));
  -- The sweep of the log does not come again to an entry that it has passed.
  select swept into passed from heads where user_id = me for update;
  delete from changes where user_id = me and revision = entry.revision and revision <= passed;
  update changes set op = 'remove_undone' where user_id = me and revision = entry.revision;
  perform
    log_change(
      me,
      this,
      instant,
      entry.task_id,
      'restore',
      task.version,
      null,
      1,
      (task.completed_at is null)::integer,
      counted,
      kept_days
    );
  return task;
end;
$$;
