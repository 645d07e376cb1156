// Every operation, with the typed client, from Node. Prints what was answered.
import { addOnce } from "./lib/safe";
import { save } from "./lib/save";
import { todoApi, TodoApiError } from "./lib/todo-api";

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

async function failure(call: Promise<unknown>): Promise<TodoApiError> {
  const error: unknown = await call.then(() => undefined, (thrown: unknown) => thrown);
  if (error instanceof TodoApiError) return error;
  throw new Error("the call did not fail");
}

const answers: Record<string, number> = {};
const path = { user_id };
const created = await todo.POST("/api/{user_id}/tasks", {
  params: { path },
  body: { title: "Buy milk", priority: "High", due_date: "2026-12-24", tags: ["shopping"] },
});
answers.createTask = created.response.status;
const task_id = created.data.id;
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
const gone = await failure(todo.GET("/api/{user_id}/tasks/{task_id}", { params: one }));
answers.getHealth = (await todo.GET("/health")).response.status;
answers.getReadiness = (await todo.GET("/health/ready")).response.status;
const blank = await failure(todo.POST("/api/{user_id}/tasks", { params: { path }, body: { title: " " } }));

const key = crypto.randomUUID();
const once = await addOnce(todo, user_id, "Once", key);
const again = await addOnce(todo, user_id, "Once", key);
const shown = once.data;
const first = await save(todo, shown, { title: "From one device" });
const second = await save(todo, shown, { title: "From the other" });
const third = await save(todo, shown, { title: " " });

const session = await fetch(`${AUTH}/action`, { method: "POST", headers: { cookie }, body: '{"title": "From the server"}' });
const acted = (await session.json()) as { title: string };

console.log(
  JSON.stringify({
    answers,
    asked,
    due: changed.data.due_date,
    completed: completed.data.completed,
    tags: tags.data,
    titles: listed.data.data.map((task) => task.title),
    gone: gone.code,
    blank: blank.body,
    acted: acted.title,
    replayed: [again.response.headers.get("Idempotency-Replayed"), again.data.id === shown.id],
    kept: [first.saved?.version, second.current?.title, second.changed],
    form: third,
  }),
);
