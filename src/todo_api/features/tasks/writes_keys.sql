-- Idempotency keys of creates.

-- Claims the key for the task `new_id`, and deletes some old keys. The outcome is null if the key was free or older than
-- seven days. Otherwise it is replayed, key_reused (with another request) or task_deleted, and `id`, `created_at` and
-- `change_id` are those of the task that the key created. `new_id`: all zeros for a request that is not about one task; of
-- a batch, an id of the call.
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
      revision = excluded.revision,
      conflicts = null,
      answers = null
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
    when kept.task_id = '00000000-0000-0000-0000-000000000000' then 'replayed'
    when kept.answers is not null then 'replayed'
    when exists (select from tasks where user_id = me and id = kept.task_id) then 'replayed'
    else 'task_deleted'
  end;
  answer.change_id := kept.revision;
  answer.id := kept.task_id;
  answer.created_at := kept.created_at;
  return answer;
end;
$$;

-- The answer to a create that makes no task. Its key is free again. The answer has the task with this id, if there is one.
create function refuse_create(me text, new_id uuid, key_sent text, refusal text)
returns task_answer
language plpgsql
set search_path from current
as $$
declare
  task tasks;
begin
  delete from idempotency_keys where user_id = me and key = key_sent;
  select * into task from tasks where user_id = me and id = new_id;
  return answer_with(
    refusal,
    task.revision,
    null,
    task,
    array(select tag from task_tags where user_id = me and task_id = new_id order by tag)
  );
end;
$$;
