import { memoryAdapter } from "better-auth/adapters/memory";

export const tables: Record<string, Record<string, unknown>[]> = {
  user: [],
  session: [],
  account: [],
  verification: [],
  jwks: [],
};
export const database = memoryAdapter(tables);
