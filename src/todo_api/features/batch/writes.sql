-- Many writes in one call, by the functions of the single requests.

-- An operation. `op`: create, update, delete or restore. The others are the arguments of the function of the single request.
create type task_operation as (
  op text,
  id uuid,
  own_id boolean,
  sent jsonb,
  names text[],
  folded text[],
  versions_sent integer[],
  merge boolean
);

-- Carries out one operation. The answer is that of the function of the single request.
create function carry_out(me text, issued timestamptz, operation task_operation, most integer, kept_days integer[])
returns task_answer
language plpgsql
set search_path from current
as $$
begin
  if operation.op = 'create' then
    return create_task(
      me,
      issued,
      operation.id,
      operation.own_id,
      operation.sent,
      operation.names,
      operation.folded,
      null,
      null,
      most,
      kept_days
    );
  elseif operation.op = 'update' then
    return change_task(
      me,
      issued,
      operation.id,
      operation.sent,
      operation.names,
      operation.folded,
      operation.versions_sent,
      operation.merge,
      kept_days
    );
  elseif operation.op = 'delete' then
    return remove_task(me, issued, operation.id, operation.versions_sent, kept_days);
  end if;
  return restore_task(me, issued, operation.id, null, null, null, most, kept_days);
end;
$$;

-- The answers that are kept under the key, in their order. None of the key of another request than a batch.
create function kept_answers(me text, key_sent text)
returns setof task_answer
language plpgsql
set search_path from current
as $$
declare
  kept jsonb;
begin
  select answers into kept from idempotency_keys where user_id = me and key = key_sent;
  return query select * from jsonb_populate_recordset(null::task_answer, kept);
end;
$$;

-- Marks the entries of the log from the revision `this` on as one batch, and keeps the answers under the key. Returns the
-- last revision; null: nothing was written.
create function finish_batch(me text, this bigint, key_sent text, kept jsonb[])
returns bigint
language plpgsql
set search_path from current
as $$
declare
  final bigint;
begin
  select revision into final from heads where user_id = me and revision >= this for update;
  if final > this then
    update changes set batch = this where user_id = me and revision >= this;
  end if;
  if key_sent is not null then
    update idempotency_keys
    set
      answers = to_jsonb(kept),
      revision = final
    where user_id = me and key = key_sent;
  end if;
  return final;
end;
$$;

-- Carries out the operations in their order, once for each Idempotency-Key. `atomic`: all of them or none.
-- `print`, `most`, `kept_days`: as in `create_task`. `call_id`: an id of this call.
-- The rows are the answers of the functions, one for each operation, and one about the batch: the outcome, the last
-- revision as `change_id`, and as `id` that of the call that carried it out.
-- Outcomes: done; failed (`atomic`, and nothing was changed); replayed; key_reused, as in `claim_key`; task_deleted (a task
-- of the answers was deleted for good).
create function batch_tasks(
  me text,
  issued timestamptz,
  operations jsonb,
  atomic boolean,
  key_sent text,
  print bytea,
  call_id uuid,
  most integer,
  kept_days integer[]
)
returns setof task_answer
language plpgsql
set search_path from current
as $$
declare
  this bigint;
  instant timestamptz;
  summary task_answer;
  answer task_answer;
  kept jsonb[] := array[]::jsonb[];
begin
  select revision + 1
  into this
  from heads
  where user_id = me and (erased_at is null or erased_at < issued)
  for update;
  if not found then
    this := make_head(me, issued);
  end if;
  instant := clock_timestamp();
  if key_sent is not null then
    summary := claim_key(me, key_sent, print, call_id, instant, this);
    if summary.outcome is not null then
      return query select * from kept_answers(me, key_sent);
      return next summary;
      return;
    end if;
  end if;
  summary.outcome := 'done';
  summary.id := call_id;
  begin
    for place in 0..jsonb_array_length(operations) - 1 loop
      answer := carry_out(
        me,
        issued,
        jsonb_populate_record(null::task_operation, operations -> place),
        most,
        kept_days
      );
      return next answer;
      if answer.outcome not in ('created', 'changed', 'same', 'removed', 'restored') and atomic then
        summary.outcome := 'failed';
      end if;
      if key_sent is not null then
        -- The result of a deletion has no task, so its text is not kept.
        kept := kept || case answer.outcome
          when 'removed' then '{"outcome": "removed"}'
          else to_jsonb(answer)
        end;
      end if;
    end loop;
    if summary.outcome = 'failed' then
      raise sqlstate 'UNDO1';
    end if;
  exception when sqlstate 'UNDO1' then
    -- The writes of the block are undone. The rows and the variables stay.
    delete from idempotency_keys where user_id = me and key = key_sent;
  end;
  summary.change_id := finish_batch(me, this, key_sent, kept);
  return next summary;
end;
$$;
