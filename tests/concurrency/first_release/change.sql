-- parameters: title, title_folded, tags, me, id, tags_folded
WITH seen AS
(SELECT tasks.user_id AS user_id, tasks.id AS id, tasks.title AS title, tasks.description AS description, tasks.priority AS priority, tasks.due_date AS due_date, tasks.completed_at AS completed_at, tasks.created_at AS created_at, tasks.updated_at AS updated_at, tasks.version AS version, tasks.title_folded AS title_folded, tasks.description_folded AS description_folded, tasks.stems AS stems, tasks.field_versions AS field_versions, array((SELECT task_tags.tag
FROM task_tags
WHERE task_tags.user_id = $4::VARCHAR AND task_tags.task_id = tasks.id ORDER BY task_tags.tag)) AS tags
FROM tasks
WHERE tasks.user_id = $4::VARCHAR AND tasks.id = $5::UUID),
changed AS
(UPDATE tasks SET title=$1::VARCHAR, updated_at=statement_timestamp(), version=(tasks.version + 1), title_folded=$2::VARCHAR, field_versions=ARRAY[CASE WHEN (seen.title IS DISTINCT FROM $1::VARCHAR) THEN seen.version + 1 ELSE coalesce(seen.field_versions[1], seen.version) END, coalesce(seen.field_versions[2], seen.version), coalesce(seen.field_versions[3], seen.version), coalesce(seen.field_versions[4], seen.version), coalesce(seen.field_versions[5], seen.version), CASE WHEN (seen.tags IS DISTINCT FROM $3::TEXT[]) THEN seen.version + 1 ELSE coalesce(seen.field_versions[6], seen.version) END] FROM seen WHERE tasks.user_id = $4::VARCHAR AND tasks.id = $5::UUID AND tasks.version = seen.version AND true AND (seen.title IS DISTINCT FROM $1::VARCHAR OR seen.tags IS DISTINCT FROM $3::TEXT[]) RETURNING tasks.user_id, tasks.id, tasks.title, tasks.description, tasks.priority, tasks.due_date, tasks.completed_at, tasks.created_at, tasks.updated_at, tasks.version, tasks.title_folded, tasks.description_folded, tasks.stems, tasks.field_versions),
dropped AS
(DELETE FROM task_tags USING changed WHERE task_tags.user_id = $4::VARCHAR AND task_tags.task_id = changed.id AND task_tags.tag != all($3::TEXT[])),
known AS
(INSERT INTO tags (user_id, name, name_folded) SELECT $4::VARCHAR AS anon_1, given.tag AS tag, given.folded AS folded
FROM changed, unnest($3::TEXT[], $6::TEXT[]) AS given(tag, folded) ON CONFLICT DO NOTHING),
linked AS
(INSERT INTO task_tags (user_id, task_id, tag) SELECT $4::VARCHAR AS anon_1, changed.id AS id, given.tag AS tag
FROM changed, unnest($3::TEXT[], $6::TEXT[]) AS given(tag, folded) ON CONFLICT DO NOTHING)
SELECT changed.id, changed.user_id, changed.title, changed.description, changed.completed_at IS NOT NULL AS anon_2, (array['High', 'Medium', 'Low'])[changed.priority], changed.due_date, $3::TEXT[] AS anon_3, changed.completed_at, changed.created_at, changed.updated_at, changed.version, CAST(NULL AS INTEGER[]) AS anon_4, false
FROM changed JOIN seen ON true UNION ALL SELECT seen.id, seen.user_id, seen.title, seen.description, seen.completed_at IS NOT NULL AS anon_5, (array['High', 'Medium', 'Low'])[seen.priority], seen.due_date, seen.tags, seen.completed_at, seen.created_at, seen.updated_at, seen.version, CAST(NULL AS INTEGER[]) AS anon_4, true AND (seen.title IS DISTINCT FROM $1::VARCHAR OR seen.tags IS DISTINCT FROM $3::TEXT[]) AS anon_6
FROM seen
WHERE NOT (EXISTS (SELECT changed.id
FROM changed))
