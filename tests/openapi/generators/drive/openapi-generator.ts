import { Configuration, ListTasksStatusEnum, ResponseError, TasksApi, type TaskNotFound } from "./generated";

const { API_URL: basePath, API_USER: userId, API_TOKEN: accessToken } = process.env;
const api = new TasksApi(new Configuration({ basePath, accessToken }));

const created = await api.createTask({ userId, taskCreate: { title: "Buy milk" } });
const task = { userId, taskId: created.id };
const listed = await api.listTasks({ userId, status: ListTasksStatusEnum.Pending });
const toggled = await api.toggleTaskCompletion(task);
const deleted = await api.deleteTaskRaw(task);
const gone = await api.getTask(task).catch((error: unknown) => error);
const answer = gone instanceof ResponseError ? ((await gone.response.json()) as TaskNotFound) : undefined;
console.log(
  JSON.stringify({
    created: created.title,
    listed: listed.data.length,
    completed: toggled.completed,
    deleted: deleted.raw.status,
    gone: answer?.code === "task_not_found",
  }),
);
