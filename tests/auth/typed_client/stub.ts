// An HTTP server on this machine that answers as a test says, and notes the requests. Tokens as Better Auth issues them.
import http from "node:http";
import type { AddressInfo } from "node:net";

export interface Seen {
  path: string;
  /** The `sub` of the request's token; undefined without a token. */
  user: string | undefined;
  jwt: string | undefined;
}

export interface Stub {
  baseUrl: string;
  seen: Seen[];
}

/** Calls `answer` for each request. `at` counts the requests from 0. */
export async function serve(answer: (seen: Seen, response: http.ServerResponse, at: number) => void): Promise<Stub> {
  const seen: Seen[] = [];
  const server = http.createServer((request, response) => {
    const jwt = request.headers.authorization?.replace("Bearer ", "");
    const one = { path: request.url ?? "", jwt, user: jwt && payload(jwt).sub };
    request.resume();
    answer(one, response, seen.push(one) - 1);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  return { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

export function json(response: http.ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}

/** As the API: a page of tasks for the token's own path, 403 for another's. */
export function page(seen: Seen, response: http.ServerResponse): void {
  if (!seen.path.startsWith(`/api/${seen.user}/`)) return json(response, 403, { detail: "No.", code: "not_your_path" });
  json(response, 200, { data: [], total: 0, limit: 50, offset: 0, next_cursor: null });
}

/** Better Auth's side: counts the tokens that it issues, by a clock that is right. */
export class Issuer {
  issued = 0;
  user: string | null = "ann";
  readonly lifetime: number;
  readonly withIat: boolean;

  constructor({ lifetime = 900, withIat = true } = {}) {
    this.lifetime = lifetime;
    this.withIat = withIat;
  }

  readonly token = async (): Promise<string | null> => {
    const user = this.user;
    this.issued += 1;
    const number = this.issued;
    await new Promise((resolve) => setTimeout(resolve, 20));
    const iat = Math.floor(performance.timeOrigin + performance.now()) / 1000;
    const claims = { sub: user, exp: iat + this.lifetime, number, ...(this.withIat && { iat }) };
    return user && ["{}", JSON.stringify(claims), "x"].map((part) => btoa(part).replaceAll("=", "")).join(".");
  };
}

export function payload(jwt: string): { sub: string; number: number } {
  return JSON.parse(atob(jwt.split(".")[1]!)) as { sub: string; number: number };
}
