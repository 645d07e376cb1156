-- The writes of a tag on all of its tasks. They are single statements, however many tasks there are.

-- The answer of a function that writes a tag: the outcome, the number of the last change (null: nothing was written), and
-- the number of tasks that have the tag now.
create type tag_answer as (outcome text, change_id bigint, usage_count integer);

-- Deletes the tag, which no task has, and others without tasks that are next to it by name.
create function forget_tag(me text, dropped text, instant timestamptz)
returns void
language plpgsql
set search_path from current
as $$
declare
  since timestamptz;
  nearby text[];
begin
  -- Replicas of the first release do not lock the head, and may link the tag now. After a day they have stopped.
  select made_at into since from heads where user_id = me for update;
  if since > instant - interval '1 day' then
    return;
  end if;
  nearby := array(select name from tags where user_id = me and name >= dropped order by name limit 5);
  delete from tags
  where
    user_id = me
    and name = any (nearby)
    and not exists (select from task_tags where user_id = me and tag = tags.name);
end;
$$;

-- Logs a change of the tags of these tasks, which are still the old ones, and raises the versions of the tasks. They get
-- the revisions from `this` to `final`. `dropped`: the tags that they lose. No statement joins tables: without statistics,
-- PostgreSQL could read all rows of the one for each row of the other.
create function log_retagging(me text, this bigint, final bigint, instant timestamptz, ids uuid[], dropped text[])
returns void
language plpgsql
set search_path from current
as $$
declare
  folds jsonb := folds_of_tags(me, dropped);
  -- By the id of the task: `before`.
  befores jsonb := (
    select jsonb_object_agg(task_id, jsonb_build_object('tags', tags) || folds)
    from
      (
        select task_id, array_agg(tag order by tag) as tags
        from task_tags
        where user_id = me and task_id = any (ids)
        group by task_id
      ) as task
  );
  -- By the id of the task: its revision.
  revisions jsonb := (
    select jsonb_object_agg(id, this - 1 + place)
    from (select id, row_number() over (order by id) as place from unnest(ids) as id) as task
  );
begin
  update heads set revision = final where user_id = me;
  insert into changes (user_id, revision, at, task_id, op, version, before, batch)
  select
    me,
    (revisions -> id::text)::bigint,
    instant,
    id,
    'change',
    version + 1,
    coalesce(befores -> id::text, '{"tags": []}' || folds),
    this
  from tasks
  where user_id = me and id = any (ids);
  update tasks
  set
    updated_at = instant,
    version = version + 1,
    field_versions = fields_changed(field_versions, version, '{"tags": []}', version + 1),
    revision = (revisions -> id::text)::bigint
  where user_id = me and id = any (ids);
end;
$$;

-- Replaces the tag `former` of all its tasks by `successor`; null: by none. A task that has both keeps one. `most`: the
-- number of tasks that may change at once. `counted`: the head's `pending` is known.
create function replace_tag(
  me text,
  this bigint,
  former text,
  successor text,
  folded text,
  most integer,
  counted boolean,
  kept_days integer[]
)
returns tag_answer
language plpgsql
set search_path from current
as $$
declare
  instant timestamptz;
  ids uuid[] := array(
    select task_id from task_tags where user_id = me and tag = former order by task_id limit most + 1
  );
  final bigint := this + cardinality(ids) - 1;
  needless uuid[];
  answer tag_answer;
begin
  instant := clock_timestamp();
  if cardinality(ids) = 0 or cardinality(ids) > most then
    answer.outcome := case cardinality(ids)
      when 0 then 'missing'
      else 'too_many'
    end;
    return answer;
  end if;
  -- Replicas of the first release lock the task and not the head, so the tasks are locked too.
  perform id from tasks where user_id = me and id = any (ids) order by id for no key update;
  perform log_retagging(me, this, final, instant, ids, array[former]);
  if successor is null then
    needless := ids;
  else
    needless := array(select task_id from task_tags where user_id = me and tag = successor and task_id = any (ids));
    insert into tags (user_id, name, name_folded) values (me, successor, folded) on conflict do nothing;
  end if;
  delete from task_tags where user_id = me and tag = former and task_id = any (needless);
  update task_tags set tag = successor where user_id = me and tag = former and task_id = any (ids);
  perform forget_tag(me, former, instant);
  if not counted then
    perform count_tasks(me, instant);
  end if;
  for turn in 1..(final / 32 - (this - 1) / 32)::integer loop
    perform sweep_changes(me, instant, kept_days);
  end loop;
  answer.outcome := 'changed';
  answer.change_id := final;
  answer.usage_count := (select count(*)::integer from task_tags where user_id = me and tag = successor);
  return answer;
end;
$$;

-- Renames the tag on all of its tasks. If the new name is a tag already, the two become one.
-- Outcomes: changed; same (it is the same name); missing (no task has the tag); too_many (more than `most` tasks have it).
create function rename_tag(
  me text,
  issued timestamptz,
  former text,
  successor text,
  folded text,
  most integer,
  kept_days integer[]
)
returns tag_answer
language plpgsql
set search_path from current
as $$
declare
  this bigint;
  counted integer;
  answer tag_answer;
begin
  select revision + 1, pending
  into this, counted
  from heads
  where user_id = me and (erased_at is null or erased_at < issued)
  for update;
  if not found then
    this := make_head(me, issued);
  end if;
  if former = successor then
    answer.usage_count := (select count(*)::integer from task_tags where user_id = me and tag = former);
    answer.outcome := case answer.usage_count
      when 0 then 'missing'
      else 'same'
    end;
    return answer;
  end if;
  return replace_tag(me, this, former, successor, folded, most, counted is not null, kept_days);
end;
$$;

-- Takes the tag off all of its tasks. Outcomes: changed, missing and too_many, as in `rename_tag`.
create function remove_tag(me text, issued timestamptz, former text, most integer, kept_days integer[])
returns tag_answer
language plpgsql
set search_path from current
as $$
declare
  this bigint;
  counted integer;
begin
  select revision + 1, pending
  into this, counted
  from heads
  where user_id = me and (erased_at is null or erased_at < issued)
  for update;
  if not found then
    this := make_head(me, issued);
  end if;
  return replace_tag(me, this, former, null, null, most, counted is not null, kept_days);
end;
$$;
