// A page of the front end, in the browser.
import { authClient } from "./lib/auth-client";
import { signOut } from "./lib/sign-out";
import { todo } from "./lib/todo";
import { message, type Task } from "./lib/todo-api";

const find = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
let user_id = "";

async function list(): Promise<void> {
  const { data } = await todo.GET("/api/{user_id}/tasks", { params: { path: { user_id } } });
  find("tasks").replaceChildren(...data.data.map(item));
  find("said").textContent = `${data.total} tasks of ${user_id.slice(0, 4)}…`;
}

function item(task: Task): HTMLElement {
  const path = { user_id, task_id: task.id };
  const line = document.createElement("li");
  line.className = task.completed ? "done" : "";
  line.append(
    button("✓", () => todo.PATCH("/api/{user_id}/tasks/{task_id}/complete", { params: { path } })),
    button("✗", () => todo.DELETE("/api/{user_id}/tasks/{task_id}", { params: { path } })),
    ` ${task.title}`,
  );
  return line;
}

function button(label: string, act: () => Promise<unknown>): HTMLElement {
  const made = document.createElement("button");
  made.textContent = label;
  made.onclick = () => act().then(list).catch(say);
  return made;
}

function say(problem: unknown): void {
  find("said").textContent = message(problem);
}

function onSubmit(id: string, act: (form: Record<string, string>) => Promise<void>): void {
  const form = find<HTMLFormElement>(id);
  form.onsubmit = (event) => {
    event.preventDefault();
    act(fields(form)).catch(say);
    form.reset();
  };
}

function fields(form: HTMLFormElement): Record<string, string> {
  return Object.fromEntries([...form.querySelectorAll("input")].map((input) => [input.name, input.value]));
}

find("out").onclick = () =>
  signOut().then(() => {
    find("sign").hidden = false;
    find("add").hidden = find("out").hidden = true;
    find("said").textContent = "";
  }, say);

onSubmit("sign", async ({ name, email, password }) => {
  const { data, error } = await authClient.signUp.email({ name: name!, email: email!, password: password! });
  if (error) throw new Error(error.message);
  user_id = data.user.id;
  find("sign").hidden = true;
  find("add").hidden = find("out").hidden = false;
  await list();
});

onSubmit("add", async ({ title }) => {
  await todo.POST("/api/{user_id}/tasks", { params: { path: { user_id } }, body: { title: title! } });
  await list();
});
