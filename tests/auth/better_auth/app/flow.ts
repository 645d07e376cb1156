// A person at the page: signs up, adds, completes and deletes tasks, signs out; then another person signs up.
import { chromium, type Browser, type Page } from "playwright-core";

export interface Shown {
  tasks: string[][];
  said: string;
  /** The text for a second user in the same page, without a reload. */
  said_to_the_next: string;
  complaints: string[];
}

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM!,
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
}

export async function use(page: Page, url: string, beforeSigningOut = async () => {}): Promise<Shown> {
  const complaints: string[] = [];
  page.on("console", (message) => void (message.type() === "error" && complaints.push(message.text())));

  await page.goto(url);
  await signUp(page);
  for (const [at, title] of ["Buy milk", "Call Bob", "Water the plants"].entries()) {
    await page.fill("[name=title]", title);
    await page.click("#add button");
    await page.waitForFunction((n) => document.querySelectorAll("li").length === n, at + 1);
  }
  await page.click("li:nth-child(2) button:nth-child(1)");
  await page.waitForSelector("li.done");
  await page.click("li:nth-child(1) button:nth-child(2)");
  await page.waitForFunction(() => document.querySelectorAll("li").length === 2);
  const tasks = await page.$$eval("li", (lines) => lines.map((line) => [line.textContent!.slice(3), line.className]));
  const said = (await page.textContent("#said"))!;
  const seen = [...complaints];
  await beforeSigningOut();

  await page.click("#out");
  await signUp(page);
  const said_to_the_next = (await page.textContent("#said"))!;
  page.removeAllListeners("console");
  return { tasks, said, said_to_the_next, complaints: seen };
}

async function signUp(page: Page): Promise<void> {
  await page.waitForSelector("[name=email]");
  await page.fill("[name=name]", "Ann");
  await page.fill("[name=email]", `${crypto.randomUUID()}@example.com`);
  await page.fill("[name=password]", "a long password");
  await page.click("#sign button");
  await page.waitForFunction(() => document.getElementById("said")!.textContent!.startsWith("0 tasks"));
}
