-- parameters: me, key, title, description, priority, due_date, title_folded, description_folded, fingerprint, id, tags, tags_folded
WITH "old" AS
(SELECT idempotency_keys.key AS key
FROM idempotency_keys
WHERE idempotency_keys.user_id = $1::VARCHAR AND idempotency_keys.created_at <= statement_timestamp() - interval '24 hours' AND idempotency_keys.key != $2::VARCHAR ORDER BY idempotency_keys.created_at
LIMIT 5 FOR UPDATE SKIP LOCKED),
swept AS
(DELETE FROM idempotency_keys USING "old" WHERE idempotency_keys.user_id = $1::VARCHAR AND idempotency_keys.key = "old".key),
claimed AS
(INSERT INTO idempotency_keys (user_id, key, fingerprint, task_id, created_at) VALUES ($1::VARCHAR, $2::VARCHAR, $9::BYTEA, $10::UUID, statement_timestamp()) ON CONFLICT (user_id, key) DO UPDATE SET fingerprint = excluded.fingerprint, task_id = excluded.task_id, created_at = excluded.created_at WHERE idempotency_keys.created_at <= statement_timestamp() - interval '24 hours' RETURNING idempotency_keys.task_id, idempotency_keys.created_at),
created AS
(INSERT INTO tasks (user_id, id, title, description, priority, due_date, title_folded, description_folded, created_at, updated_at) SELECT $1::VARCHAR AS anon_1, claimed.task_id AS task_id, $3::VARCHAR AS anon_2, $4::VARCHAR AS anon_3, $5::SMALLINT AS anon_4, $6::DATE AS anon_5, $7::VARCHAR AS anon_6, $8::VARCHAR AS anon_7, claimed.created_at AS created_at, claimed.created_at AS created_at__1
FROM claimed RETURNING tasks.id),
known AS
(INSERT INTO tags (user_id, name, name_folded) SELECT $1::VARCHAR AS anon_1, given.tag AS tag, given.folded AS folded
FROM created, unnest($11::TEXT[], $12::TEXT[]) AS given(tag, folded) ON CONFLICT DO NOTHING),
linked AS
(INSERT INTO task_tags (user_id, task_id, tag) SELECT $1::VARCHAR AS anon_1, created.id AS id, given.tag AS tag
FROM created, unnest($11::TEXT[], $12::TEXT[]) AS given(tag, folded) ON CONFLICT DO NOTHING)
SELECT claimed.task_id, claimed.created_at, false, true
FROM claimed UNION ALL SELECT idempotency_keys.task_id, idempotency_keys.created_at, true, idempotency_keys.fingerprint = $9::BYTEA AS anon_8
FROM idempotency_keys
WHERE idempotency_keys.user_id = $1::VARCHAR AND idempotency_keys.key = $2::VARCHAR AND idempotency_keys.created_at > statement_timestamp() - interval '24 hours' AND NOT (EXISTS (SELECT claimed.task_id
FROM claimed))
