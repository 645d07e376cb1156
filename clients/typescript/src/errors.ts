import type { components } from "./schema";
import { NotSignedInError } from "./tokens";

export type StaleTask = components["schemas"]["StaleTask"];
export type ValidationError = components["schemas"]["ValidationError"];

const NOT_OURS = "without JSON: is `baseUrl` the address of the API?";
const STREAM = 'is a stream: send `parseAs: "stream"` and read `data`';

/** An answer that is not 2xx, or a 2xx that is not JSON: then a proxy, a sign-in page or a wrong `baseUrl` answered. */
export class TodoApiError<Body = unknown> extends Error {
  override readonly name = "TodoApiError";
  readonly status: number;
  /** The stable word of the API, for example `task_not_found`. Undefined if the answer is not the API's. */
  readonly code: string | undefined;
  /** Parsed JSON, else text. Undefined if there is none. */
  readonly body: Body;
  /** Its headers include `Retry-After` and `X-Request-ID`. Its body is read already. */
  readonly response: Response;

  constructor(response: Response, body: Body) {
    const { code, detail } = fields(body);
    const reason = response.ok ? [isStream(response) ? STREAM : NOT_OURS] : [code, detail].filter((part) => typeof part === "string");
    super(["todo_api:", response.status, ...reason].join(" "));
    this.response = response;
    this.body = body;
    this.status = response.status;
    this.code = typeof code === "string" ? code : undefined;
  }

  static async from(response: Response): Promise<TodoApiError> {
    if (isStream(response)) {
      await response.body?.cancel(); // it has no end
      return new TodoApiError(response, undefined);
    }
    const text = await response.text().catch(() => ""); // the connection may break in the middle of the body
    return new TodoApiError(response, parsed(text));
  }
}

/** 412: the task has another version than `If-Match`. `body.current` is the task, `body.changed` the changed fields. */
export function isStale(error: unknown): error is TodoApiError<StaleTask> {
  return error instanceof TodoApiError && error.code === "stale_version";
}

/** The message of each bad field of a 400, by the field's name, for a form. Empty for every other error. */
export function fieldErrors(error: unknown): Record<string, string> {
  const messages: Record<string, string> = {};
  if (!isInvalid(error)) return messages;
  for (const { loc, msg } of error.body.detail) {
    const name = String(loc[1] ?? loc[0]);
    messages[name] = name in messages ? `${messages[name]}; ${msg}` : msg;
  }
  return messages;
}

/** One sentence for the user, about anything that a call can throw. */
export function message(error: unknown): string {
  if (error instanceof NotSignedInError) return "Please sign in.";
  if (error instanceof TypeError) return "The server cannot be reached. Check the connection and try again.";
  if (!(error instanceof TodoApiError)) return error instanceof Error ? error.message : String(error);
  const { message: sentence, detail } = fields(error.body);
  if (typeof sentence === "string") return sentence;
  if (isInvalid(error)) return Object.entries(fieldErrors(error)).map((pair) => pair.join(": ")).join(". ");
  if (error.status === 401) return "Please sign in again.";
  if (error.response.ok) return error.message;
  if (error.code !== undefined && typeof detail === "string") return detail;
  return `The server answered with an error (${error.status}). Try again later.`;
}

function isStream(response: Response): boolean {
  return /^text\/event-stream\b/.test(response.headers.get("Content-Type") ?? "");
}

function isInvalid(error: unknown): error is TodoApiError<ValidationError> {
  return error instanceof TodoApiError && error.code === "validation_error" && Array.isArray(fields(error.body).detail);
}

function parsed(text: string): unknown {
  try {
    return text ? JSON.parse(text) : undefined;
  } catch {
    return text;
  }
}

function fields(body: unknown): { code?: unknown; detail?: unknown; message?: unknown } {
  return typeof body === "object" && body !== null ? body : {};
}
