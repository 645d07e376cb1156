import createClient, { type Client } from "openapi-fetch";

import type { components, paths } from "./schema";

export type { components, operations, paths } from "./schema";
export type Task = components["schemas"]["Task"];
export type TaskCreate = components["schemas"]["TaskCreate"];
export type TaskUpdate = components["schemas"]["TaskUpdate"];
export type TodoApi = Client<paths>;

export interface TodoApiOptions {
  /** Where the API is: `https://api.example`. */
  baseUrl: string;
  /** Gets a JWT from Better Auth. It is asked for the first request, and again shortly before a token expires. */
  token: () => Promise<string | null | undefined>;
}

const EXPIRES_SOON_SECONDS = 30;

/** Every operation of the API, typed by its OpenAPI document. A refused token is replaced once; nothing else is retried. */
export function todoApi({ baseUrl, token }: TodoApiOptions): TodoApi {
  let asked: Promise<string> | undefined;

  async function ask(): Promise<string> {
    const given = await token();
    if (!given) throw new Error("Better Auth gives no token: nobody is signed in");
    if (given.split(".").length !== 3) throw new Error("This is no JWT: take authClient.token(), not the session's token");
    return given;
  }

  async function bearer(): Promise<string> {
    const known = await asked;
    if (known === undefined || expiresSoon(known)) {
      asked = ask();
      asked.catch(() => (asked = undefined));
    }
    return asked as Promise<string>;
  }

  async function send(request: Request): Promise<Response> {
    const again = request.clone();
    request.headers.set("Authorization", `Bearer ${await bearer()}`);
    const answer = await fetch(request);
    if (answer.status !== 401) return answer;
    asked = undefined;
    again.headers.set("Authorization", `Bearer ${await bearer()}`);
    return fetch(again);
  }

  return createClient<paths>({ baseUrl, fetch: send });
}

function expiresSoon(token: string): boolean {
  const payload = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
  const { exp } = JSON.parse(atob(payload)) as { exp: number };
  return exp - Date.now() / 1000 < EXPIRES_SOON_SECONDS;
}
