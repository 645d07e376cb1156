// What Next.js does for a server action: the headers of the request that it runs in.
import { AsyncLocalStorage } from "node:async_hooks";

export const request = new AsyncLocalStorage<Headers>();

export async function headers(): Promise<Headers> {
  const given = request.getStore();
  if (!given) throw new Error("headers() outside a request");
  return given;
}
