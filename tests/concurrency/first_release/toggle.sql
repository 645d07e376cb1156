-- parameters: me, id
WITH seen AS
(SELECT tasks.user_id AS user_id, tasks.id AS id, tasks.title AS title, tasks.description AS description, tasks.priority AS priority, tasks.due_date AS due_date, tasks.completed_at AS completed_at, tasks.created_at AS created_at, tasks.updated_at AS updated_at, tasks.version AS version, tasks.title_folded AS title_folded, tasks.description_folded AS description_folded, tasks.stems AS stems, tasks.field_versions AS field_versions, array((SELECT task_tags.tag
FROM task_tags
WHERE task_tags.user_id = $1::VARCHAR AND task_tags.task_id = tasks.id ORDER BY task_tags.tag)) AS tags
FROM tasks
WHERE tasks.user_id = $1::VARCHAR AND tasks.id = $2::UUID),
changed AS
(UPDATE tasks SET completed_at=CASE WHEN (seen.completed_at IS NULL) THEN statement_timestamp() END, updated_at=statement_timestamp(), version=(tasks.version + 1), field_versions=ARRAY[coalesce(seen.field_versions[1], seen.version), coalesce(seen.field_versions[2], seen.version), CASE WHEN (seen.completed_at IS DISTINCT FROM CASE WHEN (seen.completed_at IS NULL) THEN statement_timestamp() END) THEN seen.version + 1 ELSE coalesce(seen.field_versions[3], seen.version) END, coalesce(seen.field_versions[4], seen.version), coalesce(seen.field_versions[5], seen.version), coalesce(seen.field_versions[6], seen.version)] FROM seen WHERE tasks.user_id = $1::VARCHAR AND tasks.id = $2::UUID AND tasks.version = seen.version AND true AND seen.completed_at IS DISTINCT FROM CASE WHEN (seen.completed_at IS NULL) THEN statement_timestamp() END RETURNING tasks.user_id, tasks.id, tasks.title, tasks.description, tasks.priority, tasks.due_date, tasks.completed_at, tasks.created_at, tasks.updated_at, tasks.version, tasks.title_folded, tasks.description_folded, tasks.stems, tasks.field_versions)
SELECT changed.id, changed.user_id, changed.title, changed.description, changed.completed_at IS NOT NULL AS anon_1, (array['High', 'Medium', 'Low'])[changed.priority], changed.due_date, seen.tags, changed.completed_at, changed.created_at, changed.updated_at, changed.version, CAST(NULL AS INTEGER[]) AS anon_2, false
FROM changed JOIN seen ON true UNION ALL SELECT seen.id, seen.user_id, seen.title, seen.description, seen.completed_at IS NOT NULL AS anon_3, (array['High', 'Medium', 'Low'])[seen.priority], seen.due_date, seen.tags, seen.completed_at, seen.created_at, seen.updated_at, seen.version, CAST(NULL AS INTEGER[]) AS anon_2, true AND seen.completed_at IS DISTINCT FROM CASE WHEN (seen.completed_at IS NULL) THEN statement_timestamp() END AS anon_4
FROM seen
WHERE NOT (EXISTS (SELECT changed.id
FROM changed))
