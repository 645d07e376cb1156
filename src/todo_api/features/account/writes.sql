-- The erasure of an account.

-- The answer of `erase_user`: the outcome, and the user's revision (null: nothing was written).
create type account_answer as (outcome text, change_id bigint);

-- Deletes everything of the user, at most `most` rows of each table in one call, and the links of these tasks. The head
-- row stays, with the user's id, the revision, and the instant until which tokens are refused. Between two calls all
-- tokens are refused. `new_epoch`: a random number, so that no cursor is valid any more.
-- Outcomes: erased (also if it was done before, and nothing was written since); more (call it again); used (the token is
-- from before the erasure, and the account was used again since, with another token).
create function erase_user(me text, issued timestamptz, new_epoch bigint, most integer)
returns account_answer
language plpgsql
set search_path from current
as $$
declare
  this bigint;
  lowest bigint;
  refused_until timestamptz;
  instant timestamptz;
  ids uuid[];
  revisions bigint[];
  keys text[];
  names text[];
  answer account_answer;
begin
  select revision + 1 into this from heads where user_id = me for update;
  if not found then
    insert into heads (user_id, revision, tasks) values (me, 0, 0) on conflict (user_id) do nothing;
  end if;
  select revision + 1, floor, erased_at into this, lowest, refused_until from heads where user_id = me for update;
  instant := clock_timestamp();
  if refused_until < 'infinity' and (refused_until < issued) is not true then
    answer.outcome := case
      when this = lowest + 1 then 'erased'
      else 'used'
    end;
    return answer;
  end if;
  ids := array(select id from tasks where user_id = me limit most);
  revisions := array(select revision from changes where user_id = me limit most);
  keys := array(select key from idempotency_keys where user_id = me limit most);
  delete from task_tags where user_id = me and task_id = any (ids);
  delete from tasks where user_id = me and id = any (ids);
  delete from changes where user_id = me and revision = any (revisions);
  delete from idempotency_keys where user_id = me and key = any (keys);
  if cardinality(ids) < most then
    names := array(select name from tags where user_id = me limit most);
    delete from tags where user_id = me and name = any (names);
  end if;
  answer.outcome := case
    when most in (cardinality(ids), cardinality(revisions), cardinality(keys), cardinality(names)) then 'more'
    else 'erased'
  end;
  refused_until := case answer.outcome
    when 'more' then 'infinity'
    else greatest(instant, issued)
  end;
  update heads
  set
    revision = this,
    floor = this,
    epoch = new_epoch,
    made_at = instant,
    tasks = 0,
    pending = 0,
    erased_at = refused_until
  where user_id = me;
  answer.change_id := this;
  return answer;
end;
$$;
