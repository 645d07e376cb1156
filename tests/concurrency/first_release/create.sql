-- parameters: me, id, title, description, priority, due_date, title_folded, description_folded, tags, tags_folded
WITH created AS
(INSERT INTO tasks (user_id, id, title, description, priority, due_date, title_folded, description_folded) VALUES ($1::VARCHAR, $2::UUID, $3::VARCHAR, $4::VARCHAR, $5::SMALLINT, $6::DATE, $7::VARCHAR, $8::VARCHAR) RETURNING tasks.user_id, tasks.id, tasks.title, tasks.description, tasks.priority, tasks.due_date, tasks.completed_at, tasks.created_at, tasks.updated_at, tasks.version, tasks.title_folded, tasks.description_folded, tasks.stems, tasks.field_versions),
known AS
(INSERT INTO tags (user_id, name, name_folded) SELECT $1::VARCHAR AS anon_1, given.tag AS tag, given.folded AS folded
FROM created, unnest($9::TEXT[], $10::TEXT[]) AS given(tag, folded) ON CONFLICT DO NOTHING),
linked AS
(INSERT INTO task_tags (user_id, task_id, tag) SELECT $1::VARCHAR AS anon_1, created.id AS id, given.tag AS tag
FROM created, unnest($9::TEXT[], $10::TEXT[]) AS given(tag, folded) ON CONFLICT DO NOTHING)
SELECT created.id, created.user_id, created.title, created.description, created.completed_at IS NOT NULL AS anon_2, (array['High', 'Medium', 'Low'])[created.priority], created.due_date, $9::TEXT[] AS anon_3, created.completed_at, created.created_at, created.updated_at, created.version
FROM created
