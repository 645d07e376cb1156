import createClient, {
  type Client,
  type ClientPathsWithMethod,
  type FetchResponse,
  type MaybeOptionalInit,
} from "openapi-fetch";

import { TodoApiError } from "./errors";
import type { components, paths } from "./schema";
import { type FetchToken, TokenCache } from "./tokens";

export { fieldErrors, isStale, message, TodoApiError, type StaleTask, type ValidationError } from "./errors";
export type { components, operations, paths } from "./schema";
export { NotSignedInError, type FetchToken } from "./tokens";
export type Task = components["schemas"]["Task"];
export type TaskCreate = components["schemas"]["TaskCreate"];
export type TaskUpdate = components["schemas"]["TaskUpdate"];

export interface TodoApiOptions {
  /** The API's address: a path of the page's own origin that is rewritten to the API, or `https://api.example`. */
  baseUrl: string;
  /**
   * Called for the first request, 30 seconds before a token ends, after a 401, and for another user's path.
   * Parallel requests share one call.
   */
  token: FetchToken;
}

/** A client whose methods return an answer that is 2xx. Everything else is thrown, so it has no `error`. */
export interface TodoApi extends Pick<Client<paths>, "use" | "eject"> {
  GET: Method<"get">;
  POST: Method<"post">;
  PUT: Method<"put">;
  PATCH: Method<"patch">;
  DELETE: Method<"delete">;
  /** Forgets the token. Call it after signing out. */
  reset(): void;
}

type Method<M extends "get" | "post" | "put" | "patch" | "delete"> = <
  Path extends ClientPathsWithMethod<Client<paths>, M>,
  Init extends MaybeOptionalInit<paths[Path], M>,
>(
  path: Path,
  ...init: Arguments<Init>
) => Promise<Success<FetchResponse<Operation<paths[Path], M>, Init, `${string}/${string}`>>>;
type Operation<Item, M extends keyof Item> = Item[M] & Record<string | number, unknown>;
type Arguments<Init> = undefined extends Init ? [init?: Init] : [init: Init];
type Success<Answer> = Answer extends { data: infer Data; error?: never } ? { data: Data; response: Response } : never;

/**
 * A client of the API, typed by its OpenAPI document. It sends the token of the user in the path. After a 401 it gets
 * another token and sends the request once more.
 *
 * A call throws `TodoApiError` for every answer that is not 2xx or not JSON, `NotSignedInError` if `token` returns
 * nothing, what `token` throws, and what `fetch` throws: `TypeError` without a connection, the reason of a `signal`.
 */
export function todoApi({ baseUrl, token }: TodoApiOptions): TodoApi {
  const tokens = new TokenCache(token);

  async function send(request: Request): Promise<Response> {
    const sent = request.headers.get("Authorization")?.replace("Bearer ", "");
    const retry = request.clone();
    const response = await fetch(request);
    if (response.status !== 401 || !sent) return response;
    const { jwt } = await tokens.replace(sent);
    if (jwt === sent) return response;
    await response.body?.cancel();
    retry.headers.set("Authorization", `Bearer ${jwt}`);
    return fetch(retry);
  }

  const client = createClient<paths>({ baseUrl, fetch: send });
  client.use({
    async onRequest({ request, params }) {
      const userId = params.path?.user_id;
      if (typeof userId === "string") request.headers.set("Authorization", `Bearer ${await tokens.forUser(userId)}`);
    },
    async onResponse({ response, options }) {
      if (!response.ok || (options.parseAs === "json" && !isJson(response))) throw await TodoApiError.from(response);
    },
  });
  return Object.assign(client as unknown as Omit<TodoApi, "reset">, { reset: () => tokens.reset() });
}

function isJson(response: Response): boolean {
  return response.status === 204 || /^application\/json\b/.test(response.headers.get("Content-Type") ?? "");
}
