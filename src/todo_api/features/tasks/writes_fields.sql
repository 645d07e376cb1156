-- The fields of a task: answers, differences, versions.

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

-- The version in which each field changed last, in the order of FIELDS in fields.py. `versions` and `was_version`: those
-- of the task before; `old`: as from `differences`. It takes no row: that of a shard would have a type of its own.
create function fields_changed(versions integer[], was_version integer, old jsonb, new_version integer)
returns integer[]
language sql
immutable
as $$
  select
    array[
      case
        when old ? 'title' then new_version
        else coalesce(versions[1], was_version)
      end,
      case
        when old ? 'description' then new_version
        else coalesce(versions[2], was_version)
      end,
      case
        when old ? 'completed_at' then new_version
        else coalesce(versions[3], was_version)
      end,
      case
        when old ? 'priority' then new_version
        else coalesce(versions[4], was_version)
      end,
      case
        when old ? 'due_date' then new_version
        else coalesce(versions[5], was_version)
      end,
      case
        when old ? 'tags' then new_version
        else coalesce(versions[6], was_version)
      end
    ];
$$;

-- When a task was completed, after a change: `{"toggle": true}` completes or reopens it, `completed` sets it.
create function completion(was_completed timestamptz, sent jsonb, instant timestamptz)
returns timestamptz
language sql
immutable
as $$
  select
    case
      when sent ? 'toggle' then case
        when was_completed is null then instant
      end
      when sent ? 'completed' then case
        when (sent -> 'completed')::boolean then coalesce(was_completed, instant)
      end
      else was_completed
    end;
$$;

-- Whether none of the fields in `sent` and `names` has changed since the newest of the versions that are older than
-- `version_now`. `changed`: as from `fields_changed`.
create function can_merge(version_now integer, changed integer[], sent jsonb, names text[], versions_sent integer[])
returns boolean
language sql
immutable
as $$
  select
    not exists (
      select
      from
        unnest(
          changed,
          array[
            sent ? 'title',
            sent ? 'description',
            sent ?| '{completed,toggle}',
            sent ? 'priority',
            sent ? 'due_date',
            names is not null
          ]
        ) as field (changed_in, is_sent)
      where
        is_sent
        and changed_in > coalesce((select max(each) from unnest(versions_sent) as each where each < version_now), 0)
    );
$$;
