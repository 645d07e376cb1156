import createClient from "openapi-fetch";

import type { paths } from "./generated/schema";

const { API_URL, API_USER: user_id, API_TOKEN } = process.env;
const headers = { Authorization: `Bearer ${API_TOKEN}` };
const api = createClient<paths>({ baseUrl: API_URL, headers });

const created = await api.POST("/api/{user_id}/tasks", { params: { path: { user_id } }, body: { title: "Buy milk" } });
if (!created.data) throw new Error(created.error.code);
const path = { user_id, task_id: created.data.id };
const listed = await api.GET("/api/{user_id}/tasks", { params: { path: { user_id }, query: { status: "pending" } } });
const toggled = await api.PATCH("/api/{user_id}/tasks/{task_id}/complete", { params: { path } });
const deleted = await api.DELETE("/api/{user_id}/tasks/{task_id}", { params: { path } });
const gone = await api.GET("/api/{user_id}/tasks/{task_id}", { params: { path } });
if (gone.error?.code === "validation_error") throw new Error(gone.error.detail.map((each) => each.msg).join());
const reason: string | undefined = gone.error?.detail;
console.log(
  JSON.stringify({
    created: created.data.title,
    listed: listed.data?.data.length,
    completed: toggled.data?.completed,
    deleted: deleted.response.status,
    gone: gone.error?.code === "task_not_found" && reason !== undefined,
  }),
);
