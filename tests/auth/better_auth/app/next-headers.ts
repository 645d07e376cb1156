// Stands in for Next.js: `headers()` returns the headers of the request that a server action runs in.
import { AsyncLocalStorage } from "node:async_hooks";

export const request = new AsyncLocalStorage<Headers>();

export async function headers(): Promise<Headers> {
  const current = request.getStore();
  if (!current) throw new Error("headers() outside a request");
  return current;
}
