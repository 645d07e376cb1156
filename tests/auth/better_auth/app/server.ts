// The front end of the guide: Better Auth, a page, a server action. The tests call the routes below /control.
import { readFileSync } from "node:fs";
import http from "node:http";
import { createEmailVerificationToken } from "better-auth/api";
import { toNodeHandler } from "better-auth/node";

import { addTask } from "./app/tasks/actions";
import { auth } from "./lib/auth";
import { tables } from "./lib/database";
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

const server = http.createServer((request, response) => {
  const path = new URL(request.url ?? "/", "http://x").pathname;
  if (path.startsWith("/api/auth/")) return void betterAuth(request, response);
  if (path === "/" || path === "/page.js") {
    response.setHeader("Content-Type", path === "/" ? "text/html; charset=utf-8" : "text/javascript");
    return void response.end(path === "/" ? PAGE : readFileSync(`${import.meta.dirname}/page.js`));
  }
  answer(path, request).then(
    (value) => response.end(JSON.stringify(value)),
    (error) => response.writeHead(500).end(JSON.stringify({ error: String(error) })),
  );
});

const PAGE = `<!doctype html><html lang="en"><head><title>To do</title><link rel="icon" href="data:,">
<style>body{font:16px sans-serif;max-width:32em;margin:2em auto} li{margin:.4em 0} .done{text-decoration:line-through}</style>
</head><body><h1>To do</h1>
<form id="sign"><input name="name" placeholder="name"> <input name="email" placeholder="e-mail">
<input name="password" type="password" placeholder="password"> <button>Sign up</button></form>
<form id="add" hidden><input name="title" placeholder="What is to be done?"> <button>Add</button></form>
<ul id="tasks"></ul><p id="said"></p><script src="/page.js" type="module"></script></body></html>`;

server.listen(Number(process.env.PORT), "127.0.0.1", () => console.log("READY"));
