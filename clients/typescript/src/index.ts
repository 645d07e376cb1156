import createClient, { type Client } from "openapi-fetch";

import type { components, paths } from "./schema";

export type { components, operations, paths } from "./schema";
export type Task = components["schemas"]["Task"];
export type TaskCreate = components["schemas"]["TaskCreate"];
export type TaskUpdate = components["schemas"]["TaskUpdate"];
export type TodoApi = Client<paths>;

export interface TodoApiOptions {
  /** The origin of the API, for example `https://api.example`. */
  baseUrl: string;
  /** Gets a JWT from Better Auth. Called for the first request, and again shortly before a token expires. */
  token: () => Promise<string | null | undefined>;
}

const EXPIRES_SOON_SECONDS = 30;

/** A client of the API, typed by its OpenAPI document. After a 401 it gets a new token and sends the request once more. */
export function todoApi({ baseUrl, token }: TodoApiOptions): TodoApi {
  let cached: Promise<string> | undefined;

  async function newToken(): Promise<string> {
    const jwt = await token();
    if (!jwt) throw new Error("Better Auth returned no token: the user is not signed in");
    if (jwt.split(".").length !== 3) throw new Error("Not a JWT: use authClient.token(), not the session's token");
    return jwt;
  }

  async function bearer(): Promise<string> {
    const jwt = await cached;
    if (jwt === undefined || expiresSoon(jwt)) {
      cached = newToken();
      cached.catch(() => (cached = undefined));
    }
    return cached as Promise<string>;
  }

  async function send(request: Request): Promise<Response> {
    const retry = request.clone();
    request.headers.set("Authorization", `Bearer ${await bearer()}`);
    const response = await fetch(request);
    if (response.status !== 401) return response;
    cached = undefined;
    retry.headers.set("Authorization", `Bearer ${await bearer()}`);
    return fetch(retry);
  }

  return createClient<paths>({ baseUrl, fetch: send });
}

function expiresSoon(token: string): boolean {
  const payload = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
  const { exp } = JSON.parse(atob(payload)) as { exp: number };
  return exp - Date.now() / 1000 < EXPIRES_SOON_SECONDS;
}
