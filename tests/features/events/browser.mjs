// A page in Chromium that keeps a copy by a stream, while the browser sleeps and wakes. Prints what was seen.
import { createHmac } from "node:crypto";
import { createRequire } from "node:module";
import http from "node:http";
import net from "node:net";

const { PACKAGES, CHROMIUM, API_PORT, SECRET, USER, ORIGIN } = process.env;
const { chromium } = createRequire(`${PACKAGES}/x.js`)("playwright-core");
const TOKEN_SECONDS = 6;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A token as Better Auth issues it. */
function token(seconds) {
  const now = Math.floor(Date.now() / 1000);
  const parts = [{ alg: "HS256", typ: "JWT" }, { sub: USER, iat: now, exp: now + seconds }];
  const head = parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  return `${head}.${createHmac("sha256", SECRET).update(head).digest("base64url")}`;
}

// A connection that ends while the machine sleeps: the page reaches the service through this proxy.
const sockets = new Set();
const proxy = net.createServer((client) => {
  const server = net.connect(Number(API_PORT), "127.0.0.1");
  for (const socket of [client, server]) {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => (client.destroy(), server.destroy(), sockets.delete(socket)));
  }
  client.pipe(server).pipe(client);
});
await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
const cut = () => sockets.forEach((socket) => socket.destroy());

async function api(method, path, body) {
  const headers = { Authorization: `Bearer ${token(60)}`, ...(body && { "Content-Type": "application/json" }) };
  const url = `http://127.0.0.1:${API_PORT}/api/${USER}/${path}`;
  const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`);
  return answer.status === 204 ? undefined : answer.json();
}

/** Runs in the page: keeps `copy` with fetch, and connects again with the last id. */
async function follow(url) {
  const state = (window.state = { copy: {}, opened: 0, ends: [], lost: 0, statuses: [], ticks: [Date.now()] });
  setInterval(() => state.ticks.push(Date.now()), 100);
  let lastId = "";
  for (;;) {
    let wait = 500;
    try {
      const bearer = await (await fetch("/token")).text();
      const headers = { Authorization: `Bearer ${bearer}`, ...(lastId && { "Last-Event-ID": lastId }) };
      const answer = await fetch(url, { headers });
      state.statuses.push(answer.status);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let text = "", ended = false; !ended; ) {
        const { value, done } = await reader.read();
        if (done) break;
        const blocks = (text + value).split("\n\n");
        text = blocks.pop();
        for (const block of blocks) {
          const event = {};
          for (const line of block.split("\n")) {
            const colon = line.indexOf(":");
            if (colon > 0) event[line.slice(0, colon)] = line.slice(colon + 2);
          }
          if (!event.event) continue;
          const data = JSON.parse(event.data);
          if (event.event === "ready") state.opened += 1;
          for (const change of data.changes ?? []) {
            if (change.kind === "task") state.copy[change.task.id] = change.task;
            else delete state.copy[change.id];
          }
          if (event.id) lastId = event.id;
          if (event.event === "end") {
            state.ends.push(data.code);
            wait = data.retry_ms;
            ended = true;
          }
        }
      }
    } catch {
      state.lost += 1;
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
const page = await (await browser.newContext()).newPage();
const pages = http.createServer((request, response) => {
  response.writeHead(200, { "Content-Type": "text/html" }).end(request.url === "/token" ? token(TOKEN_SECONDS) : "");
});
await new Promise((resolve) => pages.listen(Number(new URL(ORIGIN).port), "127.0.0.1", resolve));
await page.goto(ORIGIN);
const { processInfo } = await (await browser.newBrowserCDPSession()).send("SystemInfo.getProcessInfo");
/** Stops and continues all processes of the browser, as the sleep of a machine does. */
const sleep = () => processInfo.forEach(({ id }) => process.kill(id, "SIGSTOP"));
const wake = () => processInfo.forEach(({ id }) => process.kill(id, "SIGCONT"));
const held = async () => (await api("GET", "tasks?limit=100")).data;

/** Whether the page's copy becomes what the service has. */
async function equal() {
  const want = (await held()).map((task) => `${task.id} ${task.version} ${task.title}`).sort();
  for (let tries = 0; tries < 100; tries++) {
    const copy = await page.evaluate(() => Object.values(window.state.copy));
    const have = copy.map((task) => `${task.id} ${task.version} ${task.title}`).sort();
    if (JSON.stringify(have) === JSON.stringify(want)) return want.length;
    await pause(100);
  }
  return -1;
}

const seen = {};
void page.evaluate(follow, `http://127.0.0.1:${proxy.address().port}/api/${USER}/events`).catch(() => {});
await page.waitForFunction(() => window.state?.opened === 1);
for (let number = 0; number < 3; number++) await api("POST", "tasks", { title: `awake ${number}` });
seen.awake = await equal();

sleep();
await pause(500);
cut();
for (let number = 0; number < 4; number++) await api("POST", "tasks", { title: `asleep ${number}` });
await api("DELETE", `tasks/${(await held())[0].id}`);
await pause(2500);
wake();
seen.after_a_lost_connection = await equal();

sleep();
await api("POST", "tasks", { title: "asleep, still connected" });
await pause((TOKEN_SECONDS + 1) * 1000);
await api("POST", "tasks", { title: "asleep, after the token" });
wake();
seen.after_the_token = await equal();
await api("POST", "tasks", { title: "awake again" });
seen.at_the_end = await equal();

const state = await page.evaluate(() => window.state);
const gaps = state.ticks.slice(1).map((tick, at) => tick - state.ticks[at]).sort((a, b) => b - a);
console.log(JSON.stringify({ ...seen, opened: state.opened, ends: state.ends, lost: state.lost, slept_ms: gaps.slice(0, 2), statuses: state.statuses }));
await browser.close();
process.exit(0);
