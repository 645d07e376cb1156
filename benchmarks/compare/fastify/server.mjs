// Fastify and pg on the same SQL, with compiled JSON serialisers and a cache of verified tokens.
import { readFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
import Fastify from "fastify";
import { createVerifier } from "fast-jwt";
import pg from "pg";

pg.types.setTypeParser(pg.types.builtins.DATE, (text) => text);
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

const statements = JSON.parse(readFileSync(process.env.STATEMENTS, "utf8"));
const pool = new pg.Pool({ host: process.env.PGHOST, user: "postgres", database: process.env.PGDATABASE, max: 15 });
const verify = createVerifier({ key: process.env.BETTER_AUTH_SECRET, algorithms: ["HS256"], cache: 10000 });
const NUMBER = { High: 1, Medium: 2, Low: 3 };

const LAST = "\u{10ffff}".repeat(50);
// The arguments of the functions that write: the columns as JSON, and the tags.
const sent = ({ title, description, priority, due_date }) => JSON.stringify({
  title, description, priority: NUMBER[priority], due_date,
  title_folded: title?.toLowerCase(), description_folded: description === undefined ? undefined : (description ?? "").toLowerCase(),
});
const named = (tags) => ({ names: tags, folded: tags?.map((tag) => tag.toLowerCase()) });

const nullable = (schema) => ({ anyOf: [{ type: "null" }, schema] });
const instant = { type: "string", format: "date-time" };
const task = {
  type: "object",
  properties: {
    id: { type: "string" }, user_id: { type: "string" }, title: { type: "string" },
    description: { type: "string", nullable: true }, completed: { type: "boolean" }, priority: { type: "string" },
    due_date: { type: "string", nullable: true }, tags: { type: "array", items: { type: "string" } },
    completed_at: nullable(instant), created_at: instant, updated_at: instant, version: { type: "integer" },
  },
};
const page = {
  type: "object",
  properties: {
    data: { type: "array", items: task }, total: { type: "integer" }, limit: { type: "integer" },
    offset: { type: "integer" }, next_cursor: { type: "string", nullable: true },
  },
};
const tags = {
  type: "array",
  items: { type: "object", properties: { name: { type: "string" }, usage_count: { type: "integer" } } },
};
const taskCreate = {
  type: "object", required: ["title"], additionalProperties: false,
  properties: {
    title: { type: "string", minLength: 1, maxLength: 200 }, description: { type: "string", maxLength: 1000, nullable: true },
    priority: { enum: ["High", "Medium", "Low"], default: "Medium" }, due_date: { type: "string", nullable: true },
    tags: { type: "array", maxItems: 20, items: { type: "string", minLength: 1, maxLength: 50 }, default: [] },
  },
};
const taskUpdate = { ...taskCreate, required: [] };
delete taskUpdate.properties.priority?.default;

const query = async (name, values) => {
  const { sql, names } = statements[name];
  const result = await pool.query({ name, text: sql, values: names.map((key) => values[key]), rowMode: "array" });
  return result.rows;
};
const toTask = (row) => ({
  id: row[0], user_id: row[1], title: row[2], description: row[3], completed: row[4], priority: row[5], due_date: row[6],
  tags: row[7], completed_at: row[8], created_at: row[9], updated_at: row[10], version: row[11],
});

const app = Fastify({ keepAliveTimeout: 60_000 });
app.addHook("onRequest", async (request, reply) => {
  const header = request.headers.authorization ?? "";
  let claims;
  try {
    claims = verify(header.slice(7));
  } catch {
    return reply.code(401).send({ detail: "no valid token", code: "not_authenticated" });
  }
  if (claims.sub !== request.params.user_id) return reply.code(403).send({ detail: "not yours", code: "not_your_path" });
});
app.get("/api/:user_id/tasks", { schema: { response: { 200: page } } }, async (request) => {
  const rows = await query("list", { me: request.params.user_id, limit: 51 });
  return { data: rows.slice(0, 50).map(toTask), total: rows[0]?.at(-1) ?? 0, limit: 50, offset: 0, next_cursor: null };
});
app.post("/api/:user_id/tasks", { schema: { body: taskCreate, response: { 201: task } } }, async (request, reply) => {
  const body = { description: null, priority: "Medium", tags: [], ...request.body };
  const rows = await query("create", {
    me: request.params.user_id, new_id: randomUUID(), ...named(body.tags),
    sent: sent(body),
  });
  return reply.code(201).send(toTask(rows[0].slice(3)));
});
app.get("/api/:user_id/tasks/:id", { schema: { response: { 200: task } } }, async (request) =>
  toTask((await query("get", { me: request.params.user_id, id: request.params.id }))[0]));
app.patch("/api/:user_id/tasks/:id", { schema: { body: taskUpdate, response: { 200: task } } }, async (request) =>
  toTask((await query("update", {
    me: request.params.user_id, which: request.params.id, sent: sent(request.body), ...named(request.body.tags),
  }))[0].slice(3)));
app.patch("/api/:user_id/tasks/:id/complete", { schema: { response: { 200: task } } }, async (request) =>
  toTask((await query("toggle", { me: request.params.user_id, which: request.params.id, sent: '{"toggle": true}' }))[0].slice(3)));
app.get("/api/:user_id/tags", { schema: { response: { 200: tags } } }, async (request) =>
  (await query("tags", { me: request.params.user_id, first: "", last: LAST, limit: 1000 })).map(([name, usage_count]) => ({ name, usage_count })));
await app.listen({ port: Number(process.env.PORT), host: "127.0.0.1" });
