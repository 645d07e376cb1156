import { createTask, deleteTask, getTask, listTasks, toggleTaskCompletion } from "./generated/client";
import { CreateTaskBody, CreateTaskResponse, ListTasksResponse } from "./generated/zod";

const { API_USER: user, API_TOKEN } = process.env;
const options = { headers: { Authorization: `Bearer ${API_TOKEN}` } };

const body = CreateTaskBody.parse({ title: " Buy milk\u2028" });
const refused = ["", "\u2028", "x".repeat(201), "\0"].every((title) => !CreateTaskBody.safeParse({ title }).success);
if (!refused) throw new Error("zod accepts a title that the service refuses");
const created = await createTask(user, body, options);
if (created.status !== 201) throw new Error(created.data.code);
const task = CreateTaskResponse.parse(created.data);
const listed = await listTasks(user, { status: "pending" }, options);
const toggled = await toggleTaskCompletion(user, task.id, undefined, options);
const deleted = await deleteTask(user, task.id, options);
const gone = await getTask(user, task.id, options);
console.log(
  JSON.stringify({
    created: task.title,
    listed: ListTasksResponse.parse(listed.data).data.length,
    completed: toggled.status === 200 && toggled.data.completed,
    deleted: deleted.status,
    gone: gone.status === 404 && gone.data.code === "task_not_found",
  }),
);
