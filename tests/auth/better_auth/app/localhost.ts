// Chromium at Vite's page. Prints what was seen.
import { launch, use } from "./flow";

const browser = await launch();
const seen = await use(await browser.newPage(), process.env.PAGE!);
console.log(JSON.stringify(seen));
await browser.close();
