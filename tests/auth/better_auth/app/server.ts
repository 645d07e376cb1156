// The front end of the guide: Better Auth, a page, the rewrite, a server action. The tests call the paths below /control.
import { readFileSync } from "node:fs";
import http from "node:http";
import { createEmailVerificationToken } from "better-auth/api";
import { toNodeHandler } from "better-auth/node";

import { addTask } from "./app/tasks/actions";
import { auth } from "./lib/auth";
import { tables } from "./lib/database";
import nextConfig from "./next.config";
import { request as current } from "./next-headers";

const MONTHS_AGO = new Date(Date.now() - 90 * 86_400_000);
const betterAuth = toNodeHandler(auth);

async function answer(path: string, request: http.IncomingMessage): Promise<unknown> {
  let body = "";
  for await (const chunk of request) body += chunk;
  const fields = body ? JSON.parse(body) : {};
  switch (path) {
    case "/action":
      return current.run(new Headers({ cookie: request.headers.cookie ?? "" }), () => addTask(fields.title));
    case "/control/rotate":
      for (const key of tables.jwks!) key.expiresAt = new Date(Date.now() - 1000);
      return {};
    case "/control/withdraw":
      for (const key of tables.jwks!) key.expiresAt = MONTHS_AGO;
      return {};
    case "/control/sign":
      return auth.api.signJWT({ body: { payload: fields } });
    case "/control/e-mail":
      return { token: await createEmailVerificationToken(process.env.BETTER_AUTH_SECRET!, fields.email) };
    default:
      throw new Error(`nothing at ${path}`);
  }
}

// The page with the rewrite, and the same page with another `baseUrl`.
const FILES: Record<string, string> = { "/": "index.html", "/page.js": "page.js", "/across": "index.html", "/across.js": "across.js" };
const SCRIPTS: Record<string, string> = { "/": "/page.js", "/across": "/across.js" };

function file(path: string): string {
  const text = readFileSync(`${import.meta.dirname}/${FILES[path]}`, "utf8");
  return path in SCRIPTS ? text.replace("/page.ts", SCRIPTS[path]!) : text;
}

const rewrites = (await nextConfig.rewrites()).map(({ source, destination }) => ({
  prefix: source.replace(":path*", ""),
  destination: destination.replace(":path*", ""),
}));

/** As Next.js: the same request to the destination. */
function pass(request: http.IncomingMessage, response: http.ServerResponse, destination: string): void {
  const { host, ...headers } = request.headers;
  const passed = http.request(destination, { method: request.method!, headers }, (answer) => {
    response.writeHead(answer.statusCode!, answer.headers);
    answer.pipe(response);
  });
  request.pipe(passed).on("error", () => response.writeHead(502).end());
}

const server = http.createServer((request, response) => {
  const path = new URL(request.url ?? "/", "http://x").pathname;
  if (path.startsWith("/api/auth/")) return void betterAuth(request, response);
  for (const { prefix, destination } of rewrites) {
    if (path.startsWith(prefix)) return pass(request, response, destination + request.url!.slice(prefix.length));
  }
  if (path in FILES) {
    response.setHeader("Content-Type", path.endsWith(".js") ? "text/javascript" : "text/html; charset=utf-8");
    return void response.end(file(path));
  }
  answer(path, request).then(
    (value) => response.end(JSON.stringify(value)),
    (error) => response.writeHead(500).end(JSON.stringify({ error: String(error) })),
  );
});

server.listen(Number(process.env.PORT), "127.0.0.1", () => console.log("READY"));
