// Stands in for Next.js: `headers()` returns the headers of the request that a server action runs in.
import { AsyncLocalStorage } from "node:async_hooks";

export const request = new AsyncLocalStorage<Headers>();

export async function headers(): Promise<Headers> {
  const given = request.getStore();
  if (!given) throw new Error("headers() outside a request");
  return given;
}
