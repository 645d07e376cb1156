// Chromium: the page, the page from another origin, and /docs. Prints what was seen.
import type { ConsoleMessage, Response } from "playwright-core";

import { launch, use } from "./flow";

const { BETTER_AUTH_URL: APP, TODO_API_URL: API, PICTURES } = process.env as Record<string, string>;
const ELSEWHERE = APP!.replace("127.0.0.1", "localhost");
const browser = await launch();
const page = await (await browser.newContext({ viewport: { width: 1200, height: 800 } })).newPage();
const outside: string[] = [];
page.on("request", (request) => {
  const origin = new URL(request.url()).origin;
  if (![APP, API, ELSEWHERE, "null"].includes(origin)) outside.push(request.url());
});
const seen: Record<string, unknown> = {};

// The page, which calls the API below its own origin, and the page that calls it at its address
seen.same_origin = await use(page, APP!);
let token = "";
seen.across_origins = await use(page, `${APP}/across`, async () => {
  ({ token } = (await (await page.request.get(`${APP}/api/auth/token`)).json()) as { token: string });
  await page.screenshot({ path: `${PICTURES}/page.png` });
});
const user = (JSON.parse(atob(token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/"))) as { sub: string }).sub;
const complaints: string[] = [];
page.on("console", (message: ConsoleMessage) => void (message.type() === "error" && complaints.push(message.text())));

// The same request from another origin
const ask = ([url, bearer]: string[]) =>
  fetch(url!, { headers: { Authorization: `Bearer ${bearer}` } }).then((answer) => answer.status, String);
const tasks = `${API}/api/${user}/tasks`;
seen.from_the_page = await page.evaluate(ask, [tasks, token]);
await page.goto(ELSEWHERE);
complaints.length = 0;
seen.from_elsewhere = await page.evaluate(ask, [tasks, token]);
seen.browsers_words = [...complaints];

// The docs
complaints.length = 0;
const operations = (await (await page.request.get(`${API}/openapi.json`)).json()) as {
  paths: Record<string, Record<string, { summary: string }>>;
};
const summaries = Object.values(operations.paths).flatMap((item) => Object.values(item).map((one) => one.summary));
await page.goto(`${API}/docs`);
await page.waitForSelector("text=Bearer Token");
const without = (wanted: string[]) => wanted.filter((summary) => !document.body.textContent!.includes(summary));
await page.waitForFunction((wanted) => wanted.every((text) => document.body.textContent!.includes(text)), summaries);
seen.operations = summaries.length;
seen.operations_not_shown = await page.evaluate(without, summaries);

// Authorise, and send one request. Scalar takes over what is typed after a pause, so the answer decides whether it did.
const api = (response: Response) => response.url().startsWith(`${API}/api/`);
await page.getByLabel("Bearer Token").first().fill(token);
await page.waitForFunction(() => !document.body.textContent!.includes("YOUR_SECRET_TOKEN"));
await page.getByRole("button", { name: "(get /api/{user_id}/tasks)" }).first().click();
const dialog = page.getByRole("dialog");
const field = dialog.locator("tr").filter({ hasText: /^\s*user_id/ }).locator(".cm-content").last();
for (let tries = 0; tries < 10 && seen.sent !== 200; tries++) {
  await field.click();
  await page.keyboard.press("Control+A");
  await page.keyboard.type(user);
  await page.waitForTimeout(1000);
  const answered = page.waitForResponse(api);
  await dialog.getByRole("button", { name: /^Send/ }).first().click();
  const answer = await answered;
  seen.sent = answer.status();
  seen.sent_to = answer.url();
}
await dialog.getByText("Call Bob").first().waitFor();
await page.screenshot({ path: `${PICTURES}/docs.png` });
seen.docs_complaints = complaints;
seen.outside = outside;
console.log(JSON.stringify({ ...seen, user, tasks_url: tasks }));
await browser.close();
