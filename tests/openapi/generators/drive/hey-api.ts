import { client } from "./generated/client.gen";
import { createTask, deleteTask, getTask, listTasks, toggleTaskCompletion } from "./generated/sdk.gen";
import { zTaskCreate } from "./generated/zod.gen";

const { API_URL: baseUrl, API_USER: user_id, API_TOKEN } = process.env;
client.setConfig({ baseUrl, auth: API_TOKEN });

// The generated client checks each request and response with the generated zod schemas.
const body = zTaskCreate.parse({ title: " Buy milk\u2028" });
const refused = ["", "\u2028", "x".repeat(201), "\0"].every((title) => !zTaskCreate.safeParse({ title }).success);
if (!refused) throw new Error("zod accepts a title that the service refuses");
const created = await createTask({ path: { user_id }, body });
if (!created.data) throw new Error(JSON.stringify(created.error));
const path = { user_id, task_id: created.data.id };
const listed = await listTasks({ path: { user_id }, query: { status: "pending" } });
const toggled = await toggleTaskCompletion({ path });
const deleted = await deleteTask({ path });
const gone = await getTask({ path });
if (gone.error?.code === "validation_error") throw new Error(gone.error.detail.map((each) => each.msg).join());
const reason: string | undefined = gone.error?.detail;
console.log(
  JSON.stringify({
    created: created.data.title,
    listed: listed.data?.data.length,
    completed: toggled.data?.completed,
    deleted: deleted.response?.status,
    gone: gone.error?.code === "task_not_found" && reason !== undefined,
  }),
);
