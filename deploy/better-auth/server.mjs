// Better Auth on PostgreSQL. It signs HS256 tokens, which the API verifies with the secret that both have.
import http from "node:http";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { jwt } from "better-auth/plugins";
import { SignJWT } from "jose";
import pg from "pg";

const { BETTER_AUTH_URL, BETTER_AUTH_SECRET, DATABASE_URL, JWT_AUDIENCE, PORT = "3000" } = process.env;
const key = new TextEncoder().encode(BETTER_AUTH_SECRET);
const trustedOrigins = (process.env.TRUSTED_ORIGINS ?? "").split(",").filter(Boolean);

const options = {
  baseURL: BETTER_AUTH_URL,
  secret: BETTER_AUTH_SECRET,
  database: new pg.Pool({ connectionString: DATABASE_URL, options: "-c search_path=better_auth" }),
  trustedOrigins,
  emailAndPassword: { enabled: true },
  telemetry: { enabled: false },
  plugins: [
    jwt({
      // Better Auth requires both of these for a `sign` callback; neither is used.
      jwks: { remoteUrl: `${BETTER_AUTH_URL}/unused`, keyPairConfig: { alg: "EdDSA" } },
      jwt: {
        issuer: BETTER_AUTH_URL,
        audience: JWT_AUDIENCE,
        expirationTime: "15m",
        definePayload: () => ({}),
        sign: (claims) => new SignJWT(claims).setProtectedHeader({ alg: "HS256", typ: "JWT" }).sign(key),
      },
    }),
  ],
};

await options.database.query("create schema if not exists better_auth");
await (await getMigrations(options)).runMigrations();
const betterAuthHandler = toNodeHandler(betterAuth(options));

// CORS (WHATWG Fetch): Better Auth checks the origin, but sends no headers for pages of other origins.
const server = http.createServer((request, response) => {
  const { origin } = request.headers;
  response.setHeader("Vary", "Origin");
  if (trustedOrigins.includes(origin)) {
    response.setHeader("Access-Control-Allow-Origin", origin);
    response.setHeader("Access-Control-Allow-Credentials", "true");
    response.setHeader("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
    response.setHeader("Access-Control-Allow-Headers", "Content-Type");
    response.setHeader("Access-Control-Max-Age", "600");
    response.setHeader("Access-Control-Expose-Headers", "set-auth-jwt");
  }
  if (request.method === "OPTIONS") return response.writeHead(204).end();
  betterAuthHandler(request, response);
});
server.listen(Number(PORT), () => console.log(`Better Auth at ${BETTER_AUTH_URL}`));
process.on("SIGTERM", () => server.close(() => process.exit(0)));
