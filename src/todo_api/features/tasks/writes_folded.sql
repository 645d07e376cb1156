-- Folded texts, for the fields that go back to what they were. PostgreSQL cannot fold as casefold.py does.

-- The folded texts in `was` of the fields in `old`, where they are not what `with_folded` computes.
create function folded_texts(was tasks, old jsonb)
returns jsonb
language sql
stable
as $$
  select
    case
      when old ? 'title'
      and was.title_folded <> lower(was.title collate "C") then jsonb_build_object('title_folded', was.title_folded)
      else '{}'
    end || case
      when old ? 'description'
      and was.description_folded <> lower(coalesce(was.description, '') collate "C") then jsonb_build_object(
        'description_folded',
        was.description_folded
      )
      else '{}'
    end;
$$;

-- The fields in `old`, with their folded texts. PostgreSQL cannot fold as casefold.py does, but most texts need only
-- small ASCII letters.
create function with_folded(old jsonb)
returns jsonb
language sql
stable
as $$
  select
    case
      when old ? 'title' then jsonb_build_object('title_folded', lower((old ->> 'title') collate "C"))
      else '{}'
    end || case
      when old ? 'description' then jsonb_build_object(
        'description_folded',
        lower(coalesce(old ->> 'description', '') collate "C")
      )
      else '{}'
    end || old;
$$;

-- The names, folded. `folds`: the folded names by name, where they are not just the name in small ASCII letters.
create function folded_names(names text[], folds jsonb)
returns text[]
language sql
immutable
as $$
  select
    array(
      select coalesce(folds ->> name, lower(name collate "C"))
      from unnest(names) with ordinality as each (name, place)
      order by place
    );
$$;

-- `{"tags_folded": …}` with the `folds` of these tags, as in `folded_names`; `{}` if there are none.
create function folds_of_tags(me text, names text[])
returns jsonb
language plpgsql
set search_path from current
as $$
declare
  folds jsonb := (
    select jsonb_object_agg(name, name_folded)
    from tags
    where user_id = me and name = any (names) and name_folded <> lower(name collate "C")
  );
begin
  return case
    when folds is null then '{}'
    else jsonb_build_object('tags_folded', folds)
  end;
end;
$$;
