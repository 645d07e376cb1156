-- Undos of writes of a tag on all of its tasks.

-- The tags of each of these tasks that has some, by its id.
create function tags_by_task(me text, ids uuid[])
returns jsonb
language plpgsql
set search_path from current
as $$
begin
  return (
    select coalesce(jsonb_object_agg(task_id, names), '{}')
    from
      (
        select task_id, array_agg(tag order by tag) as names
        from task_tags
        where user_id = me and task_id = any (ids)
        group by task_id
      ) as task
  );
end;
$$;

-- Ties these tasks to the tags in `wanted`, by the id of the task. They lose the tags in `dropped`, which no task gets.
create function put_tags_back(me text, ids uuid[], wanted jsonb, dropped text[], folds jsonb, instant timestamptz)
returns void
language plpgsql
set search_path from current
as $$
declare
  missing text[] := array(
    select jsonb_array_elements_text(wanted -> id::text) from unnest(ids) as id
    except
    select name from tags where user_id = me
  );
  each text;
begin
  foreach each in array missing loop
    insert into tags (user_id, name, name_folded) values (me, each, coalesce(folds ->> each, lower(each collate "C")));
  end loop;
  delete from task_tags where user_id = me and task_id = any (ids) and not (wanted -> task_id::text) ? tag;
  insert into task_tags (user_id, task_id, tag)
  select me, id, jsonb_array_elements_text(wanted -> id::text)
  from tasks
  where user_id = me and id = any (ids)
  on conflict do nothing;
  foreach each in array dropped loop
    perform from task_tags where user_id = me and tag = each limit 1;
    if not found then
      perform forget_tag(me, each, instant);
    end if;
  end loop;
end;
$$;

-- Of the tasks in `wanted`, those that are live and have the tags that the entries up to `latest` left.
create function tasks_to_retag(me text, latest bigint, wanted jsonb, live uuid[])
returns uuid[]
language plpgsql
set search_path from current
as $$
declare
  present jsonb := tags_by_task(me, live);
  -- The first later entry with tags has those that this entry left. Of equal keys, the last one counts.
  since jsonb := (
    select coalesce(jsonb_object_agg(task_id, before -> 'tags' order by revision desc), '{}')
    from changes
    where user_id = me and task_id = any (live) and revision > latest and before ? 'tags'
  );
begin
  return array(
    select id
    from unnest(live) as id
    where
      coalesce(since -> id::text, present -> id::text, '[]') = coalesce(present -> id::text, '[]')
      and wanted -> id::text <> 'null'
  );
end;
$$;

-- As `undo_entries`, for entries that changed only tags: single statements, however many tasks there are.
create function undo_retagging(
  me text,
  earliest bigint,
  latest bigint,
  this bigint,
  instant timestamptz,
  kept_days integer[]
)
returns undo_answer
language plpgsql
set search_path from current
as $$
declare
  -- By the id of the task: the tags to which it goes back.
  wanted jsonb := (
    select jsonb_object_agg(task_id, before -> 'tags')
    from changes
    where user_id = me and revision between earliest and latest
  );
  folds jsonb := (
    select jsonb_object_agg(fold.key, fold.value)
    from
      changes,
      jsonb_each(before -> 'tags_folded') as fold (key, value)
    where user_id = me and revision between earliest and latest
  );
  ids uuid[] := array(select jsonb_object_keys(wanted)::uuid);
  live uuid[];
  back uuid[];
  dropped text[];
  final bigint;
  answer undo_answer;
begin
  -- Replicas of the first release lock the task and not the head, so the tasks are locked too.
  perform id from tasks where user_id = me and id = any (ids) order by id for no key update;
  live := array(select id from tasks where user_id = me and id = any (ids));
  back := tasks_to_retag(me, latest, wanted, live);
  answer.conflicts := (
    select
      coalesce(jsonb_agg(jsonb_build_object('id', id, 'fields', array(select 'tags' where id = any (live)))), '[]')
    from
      (
        select unnest(ids) as id
        except
        select unnest(back)
      ) as task
  );
  if cardinality(back) = 0 then
    return answer;
  end if;
  final := this - 1 + cardinality(back);
  dropped := array(
    select distinct tag
    from task_tags
    where user_id = me and task_id = any (back) and not (wanted -> task_id::text) ? tag
  );
  perform log_retagging(me, this, final, instant, back, dropped);
  perform put_tags_back(me, back, wanted, dropped, folds, instant);
  for turn in 1..(final / 32 - (this - 1) / 32)::integer loop
    perform sweep_changes(me, instant, kept_days);
  end loop;
  answer.change_id := final;
  return answer;
end;
$$;
