// Chromium: opens `/`, and sends listTasks from the page without typing anything. Prints what was seen.
import { chromium } from "playwright-core";

const { API, CHROMIUM, PICTURE } = process.env;
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
const page = await (await browser.newContext({ viewport: { width: 1200, height: 800 } })).newPage();
const complaints = [];
const outside = [];
page.on("console", (message) => void (message.type() === "error" && complaints.push(message.text())));
page.on("request", (request) => {
  if (![API, "null"].includes(new URL(request.url()).origin)) outside.push(request.url());
});

page.setDefaultTimeout(120_000);
await page.goto(`${API}/`);
const address = page.url();
await page.getByRole("button", { name: "(get /api/{user_id}/tasks)" }).first().click();
const dialog = page.getByRole("dialog");
const answered = page.waitForResponse((response) => response.url().startsWith(`${API}/api/`));
await dialog.getByRole("button", { name: /^Send/ }).first().click();
const answer = await answered;
const { data } = await answer.json();
await page.screenshot({ path: PICTURE });
console.log(JSON.stringify({
  address, status: answer.status(), url: answer.url(), titles: data?.map((task) => task.title), complaints, outside,
}));
await browser.close();
