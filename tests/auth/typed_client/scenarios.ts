// One scenario for each test of test_typed_client.py: run with its name, prints what happened as JSON.
import { fieldErrors, isStale, message, NotSignedInError, todoApi, TodoApiError } from "../../../clients/typescript/src";
import { Issuer, json, page, payload, serve } from "./stub";

type Client = ReturnType<typeof todoApi>;
const TASKS = "/api/{user_id}/tasks";
const list = (todo: Client, user_id = "ann") => todo.GET(TASKS, { params: { path: { user_id } } });
const create = (todo: Client) => todo.POST(TASKS, { params: { path: { user_id: "ann" } }, body: { title: "Buy milk" } });

/** The data of the answer, or the error that was thrown. */
async function outcome(call: Promise<{ data: unknown }>): Promise<unknown> {
  try {
    return { data: (await call).data };
  } catch (error) {
    return { thrown: (error as Error).name, says: message(error), ...(error instanceof TodoApiError && parts(error)) };
  }
}

function parts({ status, code, body }: TodoApiError): object {
  return { status, code, body };
}

/** The device's clock is wrong by so many seconds. */
function setClock(wrongBy: number): void {
  const right = Date.now;
  Date.now = () => right() + wrongBy * 1000;
}

async function failure(status: number, type: string, body: string): Promise<unknown> {
  const { baseUrl } = await serve((_, response) => response.writeHead(status, { "Content-Type": type }).end(body));
  return outcome(list(todoApi({ baseUrl, token: new Issuer().token })));
}

const scenarios: Record<string, () => Promise<unknown>> = {
  async a_stream() {
    const { baseUrl } = await serve((_, response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream" }).write("event: ready\n\n");
    });
    const todo = todoApi({ baseUrl, token: new Issuer().token });
    const params = { path: { user_id: "ann" } };
    const { data } = await todo.GET("/api/{user_id}/events", { params, parseAs: "stream" });
    const first = await data!.pipeThrough(new TextDecoderStream() as never).getReader().read();
    return { first: first.value as unknown, parsed: await outcome(todo.GET("/api/{user_id}/events", { params })) };
  },

  async another_user_signs_in() {
    const { baseUrl, seen } = await serve(page);
    const issuer = new Issuer();
    const todo = todoApi({ baseUrl, token: issuer.token });
    await list(todo);
    issuer.user = "bob";
    const statuses = [];
    for (let call = 0; call < 3; call++) statuses.push((await list(todo, "bob")).response.status);
    return { statuses, users: seen.map(({ user }) => user), issued: issuer.issued };
  },

  async another_user_signs_in_while_a_token_is_fetched() {
    const { baseUrl } = await serve(page);
    const issuer = new Issuer();
    const todo = todoApi({ baseUrl, token: issuer.token });
    const first = list(todo);
    issuer.user = "bob";
    const answers = await Promise.all([first, list(todo, "bob"), list(todo, "bob")]);
    return { statuses: answers.map(({ response }) => response.status), issued: issuer.issued };
  },

  async a_path_of_another_user() {
    const { baseUrl } = await serve(page);
    const issuer = new Issuer();
    return { outcome: await outcome(list(todoApi({ baseUrl, token: issuer.token }), "bob")), issued: issuer.issued };
  },

  async reset() {
    const { baseUrl, seen } = await serve(page);
    const issuer = new Issuer();
    const todo = todoApi({ baseUrl, token: issuer.token });
    await list(todo);
    todo.reset();
    issuer.user = null;
    const signedOut = await outcome(list(todo));
    issuer.user = "ann";
    const late = list(todo);
    todo.reset();
    await late;
    await list(todo);
    return { signedOut, numbers: seen.map(({ jwt }) => payload(jwt!).number) };
  },

  a_proxy_answers_502: () => failure(502, "text/html", "<h1>502 Bad Gateway</h1>"),
  an_answer_without_a_body: () => failure(431, "text/plain", ""),
  the_page_of_a_wrong_address: () => failure(200, "text/html", "<!doctype html>"),

  async a_body_that_breaks_off() {
    const { baseUrl } = await serve((_, response) => {
      response.writeHead(503, { "Content-Length": "100" }).write("{");
      setTimeout(() => response.destroy(), 50);
    });
    return outcome(list(todoApi({ baseUrl, token: new Issuer().token })));
  },

  async no_server() {
    return outcome(list(todoApi({ baseUrl: "http://127.0.0.1:1", token: new Issuer().token })));
  },

  async not_modified() {
    const { baseUrl } = await serve((_, response) => response.writeHead(304).end());
    return outcome(list(todoApi({ baseUrl, token: new Issuer().token })));
  },

  async an_aborted_call() {
    const { baseUrl } = await serve(() => {});
    const signal = AbortSignal.timeout(200);
    const todo = todoApi({ baseUrl, token: new Issuer().token });
    return outcome(todo.GET(TASKS, { params: { path: { user_id: "ann" } }, signal }));
  },

  async a_wrong_clock() {
    const issued: Record<string, number> = {};
    const { baseUrl } = await serve(page);
    for (const [name, wrongBy] of Object.entries({ right: 0, ahead: 3600, behind: -7200 })) {
      setClock(wrongBy);
      const issuer = new Issuer();
      const todo = todoApi({ baseUrl, token: issuer.token });
      for (let call = 0; call < 5; call++) await list(todo);
      issued[name] = issuer.issued;
    }
    return issued;
  },

  async time_passes() {
    const { baseUrl } = await serve(page);
    const issued = [];
    for (const options of [{ lifetime: 900 }, { lifetime: 20 }, { withIat: false }]) {
      const issuer = new Issuer(options);
      const todo = todoApi({ baseUrl, token: issuer.token });
      for (const seconds of [0, 9, 860, 2]) {
        setClock(seconds);
        await list(todo);
        issued.push(issuer.issued);
      }
    }
    return issued;
  },

  async parallel_calls_and_parallel_401s() {
    const waiting: (() => void)[] = [];
    const { baseUrl, seen } = await serve((one, response, at) => {
      if (at >= 10) return page(one, response);
      waiting.push(() => json(response, 401, { detail: "No.", code: "not_authenticated" }));
      if (waiting.length === 10) waiting.forEach((answer) => answer());
    });
    const issuer = new Issuer();
    const todo = todoApi({ baseUrl, token: issuer.token });
    const answers = await Promise.all(Array.from({ length: 10 }, () => list(todo)));
    const statuses = new Set(answers.map(({ response }) => response.status));
    return { statuses: [...statuses], issued: issuer.issued, requests: seen.length };
  },

  async a_token_that_stays_refused() {
    const { baseUrl, seen } = await serve((_, response) => json(response, 401, { detail: "No.", code: "not_authenticated" }));
    const issuer = new Issuer();
    const same = await issuer.token();
    const fresh = await outcome(list(todoApi({ baseUrl, token: issuer.token })));
    const requests = seen.length;
    await outcome(list(todoApi({ baseUrl, token: async () => same })));
    return { outcome: fresh, requests, requests_with_the_same: seen.length - requests };
  },

  async the_request_is_sent_again_with_its_body() {
    const { baseUrl, seen } = await serve((_, response, at) => {
      if (at === 0) return json(response, 401, { detail: "No.", code: "not_authenticated" });
      json(response, 201, { title: "Buy milk" });
    });
    const { data } = await create(todoApi({ baseUrl, token: new Issuer().token }));
    return { title: data.title, numbers: seen.map(({ jwt }) => payload(jwt!).number) };
  },

  async without_a_token() {
    const { baseUrl, seen } = await serve((_, response) => json(response, 200, { status: "healthy" }));
    const token = async () => null;
    const todo = todoApi({ baseUrl, token });
    const thrown = await list(todo).catch((error: unknown) => error instanceof NotSignedInError);
    const broken = todoApi({ baseUrl, token: async () => { throw new Error("Better Auth answers 500"); } });
    const opaque = todoApi({ baseUrl, token: async () => "x".repeat(32) });
    return {
      thrown,
      requests: seen.length,
      health: (await todo.GET("/health")).data.status,
      said: [await outcome(list(broken)), await outcome(list(opaque))],
    };
  },

  async helpers() {
    const stale = { detail: "Another version.", code: "stale_version", current: { title: "Now" }, changed: ["title"] };
    const detail = [
      { loc: ["body", "title"], msg: "Must not be blank", type: "value_error" },
      { loc: ["body", "tags", 0], msg: "Too long", type: "value_error" },
      { loc: ["body", "tags", 2], msg: "Must not be blank", type: "value_error" },
      { loc: ["body"], msg: "Not an object", type: "value_error" },
    ];
    const answers: [number, object][] = [
      [412, stale],
      [400, { detail, code: "validation_error" }],
      [400, { detail, code: "validation_error", message: "title: must not be blank" }],
      [404, { detail: "Task not found.", code: "task_not_found" }],
    ];
    const { baseUrl } = await serve((_, response, at) => json(response, ...answers[at]!));
    const todo = todoApi({ baseUrl, token: new Issuer().token });
    const results = [];
    for (const _ of answers) {
      const error: unknown = await create(todo).catch((thrown: unknown) => thrown);
      const current = isStale(error) ? [error.body.current.title, error.body.changed] : null;
      results.push({ current, fields: fieldErrors(error), message: message(error), text: (error as Error).message });
    }
    return { results, other: [isStale(new Error("x")), fieldErrors(undefined), message("x")] };
  },
};

// Types: the compiler checks these, and none of them is run.
export async function types(todo: Client): Promise<void> {
  const path = { user_id: "ann", task_id: "x" };
  const listed = await list(todo);
  const total: number | null = listed.data.total;
  const titles: string[] = listed.data.data.map((task) => task.title);
  const deleted: undefined = (await todo.DELETE("/api/{user_id}/tasks/{task_id}", { params: { path } })).data;
  const healthy: "healthy" | undefined = (await todo.GET("/health")).data.status;
  // @ts-expect-error a failure is thrown, so an answer has no `error`
  void listed.error;
  // @ts-expect-error `title` is required
  await todo.POST(TASKS, { params: { path }, body: {} });
  // @ts-expect-error there is no such path
  await todo.GET("/api/nothing");
  // @ts-expect-error the path's parameters are required
  await todo.GET(TASKS);
  // @ts-expect-error there is no such field
  void listed.data.data[0]?.colour;
  void [total, titles, deleted, healthy];
}

console.log(JSON.stringify(await scenarios[process.argv[2]!]!()));
process.exit();
