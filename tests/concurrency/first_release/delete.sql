-- parameters: me, id
DELETE FROM tasks WHERE tasks.user_id = $1::VARCHAR AND tasks.id = $2::UUID RETURNING tasks.id
