-- The undo of one entry of the log.

-- The fields whose value is not the one any more that the entry left, by column. The task is `was` now, with the tags
-- `had`.
create function fields_overwritten(me text, entry changes, was tasks, had text[])
returns text[]
language plpgsql
set search_path from current
as $$
declare
  since jsonb;
  task tasks;
  names text[] := had;
begin
  if was.version = entry.version then
    return '{}'::text[];
  end if;
  -- The first later entry with a field has the value that this entry left. Of equal keys, the last one counts.
  since := (
    select jsonb_object_agg(field.key, field.value order by revision desc)
    from
      changes,
      jsonb_each(before) as field (key, value)
    where user_id = me and task_id = entry.task_id and revision > entry.revision
  );
  if since is null then
    return '{}'::text[];
  end if;
  task := jsonb_populate_record(was, since);
  if since ? 'tags' then
    names := array(select jsonb_array_elements_text(since -> 'tags'));
  end if;
  return array(select jsonb_object_keys(differences(task, was, names, had)));
end;
$$;

-- Takes back one entry of the log, as a write with the revision `this`. Returns the columns that could not go back, and
-- whether something was written: `{"fields": […], "done": …}`. `fields` is null without a conflict, and empty if the task
-- is gone, or is there again.
create function undo_entry(
  me text,
  entry changes,
  this bigint,
  instant timestamptz,
  counted boolean,
  kept_days integer[]
)
returns jsonb
language plpgsql
set search_path from current
as $$
declare
  was tasks;
  had text[];
  names text[];
  lost text[];
  back jsonb;
  conflict jsonb := '{"done": false, "fields": []}'::jsonb;
  done jsonb := '{"done": true}'::jsonb;
begin
  select * into was from tasks where user_id = me and id = entry.task_id for update;
  if entry.op like 'remove%' then
    entry := trash_entry(me, entry.task_id, instant, kept_days);
    if was.id is not null or entry.revision is null then
      return conflict;
    end if;
    perform restore_row(me, entry, this, instant, counted, kept_days);
    return done;
  end if;
  if was.id is null or (entry.op = 'change' and entry.before is null) then
    return conflict;
  end if;
  had := array(select tag from task_tags where user_id = me and task_id = was.id order by tag);
  lost := fields_overwritten(me, entry, was, had);
  if entry.op <> 'change' then
    if cardinality(lost) > 0 then
      return conflict || jsonb_build_object('fields', lost);
    end if;
    perform remove_row(me, was, had, this, instant, counted, kept_days);
    return done;
  end if;
  lost := array(
    select unnest(lost) as name
    intersect
    select jsonb_object_keys(entry.before) order by name
  );
  back := with_folded(entry.before) - lost - array(select name || '_folded' from unnest(lost) as name);
  names := had;
  if back ? 'tags' then
    names := array(select jsonb_array_elements_text(back -> 'tags'));
  end if;
  if back - '{tags_folded}'::text[] = '{}' then
    return conflict || jsonb_build_object('fields', lost);
  end if;
  perform
    write_fields(
      me,
      was,
      jsonb_populate_record(was, back),
      had,
      names,
      folded_names(names, back -> 'tags_folded'),
      this,
      instant,
      counted,
      kept_days
    );
  if cardinality(lost) > 0 then
    done := done || jsonb_build_object('fields', lost);
  end if;
  return done;
end;
$$;
