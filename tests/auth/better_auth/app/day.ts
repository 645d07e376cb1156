// Every operation, with the typed client, from Node. Prints what was answered.
import { addOnce, edit } from "./lib/safe";
import { todoApi } from "./lib/todo-api";

const AUTH = process.env.BETTER_AUTH_URL!;
const headers = { Origin: AUTH, "Content-Type": "application/json" };
const email = `${crypto.randomUUID()}@example.com`;
const signedUp = await fetch(`${AUTH}/api/auth/sign-up/email`, {
  method: "POST",
  headers,
  body: JSON.stringify({ email, password: "a long password", name: "Ann" }),
});
const user_id: string = ((await signedUp.json()) as { user: { id: string } }).user.id;
const cookie = signedUp.headers.getSetCookie().map((line) => line.split(";")[0]).join("; ");

let asked = 0;
const todo = todoApi({
  baseUrl: process.env.TODO_API_URL!,
  token: async () => {
    asked += 1;
    if (asked === 1) return forged();
    const answer = await fetch(`${AUTH}/api/auth/token`, { headers: { cookie } });
    return ((await answer.json()) as { token: string }).token;
  },
});

// Looks good to the client and is refused by the API.
function forged(): string {
  const exp = Math.floor(Date.now() / 1000) + 600;
  return ["{}", JSON.stringify({ exp, sub: user_id }), "x"].map((part) => btoa(part).replaceAll("=", "")).join(".");
}

const answers: Record<string, number> = {};
const path = { user_id };
const created = await todo.POST("/api/{user_id}/tasks", {
  params: { path },
  body: { title: "Buy milk", priority: "High", due_date: "2026-12-24", tags: ["shopping"] },
});
answers.createTask = created.response.status;
const task_id = created.data!.id;
const one = { path: { user_id, task_id } };
const listed = await todo.GET("/api/{user_id}/tasks", { params: { path } });
answers.listTasks = listed.response.status;
answers.getTask = (await todo.GET("/api/{user_id}/tasks/{task_id}", { params: one })).response.status;
const changed = await todo.PATCH("/api/{user_id}/tasks/{task_id}", { params: one, body: { due_date: null } });
answers.updateTask = changed.response.status;
answers.putTask = (
  await todo.PUT("/api/{user_id}/tasks/{task_id}", { params: one, body: { title: "Buy bread" } })
).response.status;
const completed = await todo.PATCH("/api/{user_id}/tasks/{task_id}/complete", { params: one, body: { completed: true } });
answers.toggleTaskCompletion = completed.response.status;
const tags = await todo.GET("/api/{user_id}/tags", { params: { path } });
answers.listTags = tags.response.status;
answers.deleteTask = (await todo.DELETE("/api/{user_id}/tasks/{task_id}", { params: one })).response.status;
const gone = await todo.GET("/api/{user_id}/tasks/{task_id}", { params: one });
answers.getHealth = (await todo.GET("/health")).response.status;
answers.getReadiness = (await todo.GET("/health/ready")).response.status;
const blank = await todo.POST("/api/{user_id}/tasks", { params: { path }, body: { title: " " } });

const key = crypto.randomUUID();
const once = await addOnce(todo, user_id, "Once", key);
const again = await addOnce(todo, user_id, "Once", key);
const shown = once.data!;
const first = await edit(todo, shown, { title: "From one device" });
const second = await edit(todo, shown, { title: "From the other" });
const stale = second.error && "current" in second.error ? second.error : undefined;

const session = await fetch(`${AUTH}/action`, { method: "POST", headers: { cookie }, body: '{"title": "From the server"}' });
const acted = (await session.json()) as { title: string };

console.log(
  JSON.stringify({
    answers,
    asked,
    due: changed.data?.due_date,
    completed: completed.data?.completed,
    tags: tags.data,
    titles: listed.data?.data.map((task) => task.title),
    gone: gone.error?.code,
    blank: blank.error,
    acted: acted.title,
    replayed: [again.response.headers.get("Idempotency-Replayed"), again.data?.id === shown.id],
    kept: [first.data?.version, second.response.status, stale?.current.title, stale?.changed],
  }),
);
