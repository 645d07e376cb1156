-- Shared by the functions of all features. `todo-api database upgrade` installs them into a schema of their version.

-- The answer of a function that writes a task: the outcome, the number of the change (null: nothing was written), the
-- version in which each field changed last (null: not needed), and the columns of a Task in their order.
create type task_answer as (
  outcome text,
  change_id bigint,
  field_versions integer[],
  id uuid,
  user_id text,
  title text,
  description text,
  completed boolean,
  priority text,
  due_date date,
  tags text[],
  completed_at timestamptz,
  created_at timestamptz,
  updated_at timestamptz,
  version integer
);

-- Makes the head row of a user who has none, locks it, and returns the next revision. All other functions lock the head
-- row by themselves, since a call inside of a function costs as much as three statements.
create function make_head(me text)
returns bigint
language plpgsql
set search_path from current
as $$
declare
  this bigint;
begin
  insert into heads (user_id, revision) values (me, 0) on conflict (user_id) do nothing;
  select revision + 1 into this from heads where user_id = me for update;
  return this;
end;
$$;
