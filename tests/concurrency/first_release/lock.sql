-- parameters: me, id
SELECT tasks.id
FROM tasks
WHERE tasks.user_id = $1::VARCHAR AND tasks.id = $2::UUID FOR UPDATE
