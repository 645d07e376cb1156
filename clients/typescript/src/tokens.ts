/** Gets a JWT that Better Auth has just issued. Null or undefined: nobody is signed in. */
export type FetchToken = () => Promise<string | null | undefined>;

export interface Token {
  jwt: string;
  /** The user's id. */
  sub: string | undefined;
  /** Seconds since 1970 by this device's clock. Infinity: the token is used until the API refuses it. */
  renewAt: number;
}

/** `token` returned nothing: nobody is signed in at Better Auth. */
export class NotSignedInError extends Error {
  override readonly name = "NotSignedInError";
}

const RENEW_SECONDS_BEFORE_END = 30;

/** Keeps one token for all requests. At any time, at most one call of `fetchToken` is under way. */
export class TokenCache {
  private readonly fetchToken: FetchToken;
  private current: Token | undefined;
  private pending: Promise<Token> | undefined;

  constructor(fetchToken: FetchToken) {
    this.fetchToken = fetchToken;
  }

  /** A token for requests to this user's paths. Another user's token is replaced once; then the API decides. */
  async forUser(userId: string): Promise<string> {
    const token = this.current && now() < this.current.renewAt ? this.current : await this.renew();
    return (token.sub === userId ? token : await this.replace(token.jwt)).jwt;
  }

  /** The token that came after `refused`: the one that another request has fetched already, or a new one. */
  async replace(refused: string): Promise<Token> {
    return this.current && this.current.jwt !== refused ? this.current : this.renew();
  }

  /** Forgets the token, and the one that is being fetched. */
  reset(): void {
    this.current = this.pending = undefined;
  }

  private renew(): Promise<Token> {
    if (this.pending) return this.pending;
    const started: Promise<Token> = this.fetch().then(
      (token) => {
        if (this.pending === started) [this.current, this.pending] = [token, undefined];
        return token;
      },
      (error: unknown) => {
        if (this.pending === started) this.reset();
        throw error;
      },
    );
    return (this.pending = started);
  }

  private async fetch(): Promise<Token> {
    const jwt = await this.fetchToken();
    if (!jwt) throw new NotSignedInError("Better Auth returned no token: the user is not signed in");
    return read(jwt);
  }
}

/** Reads `sub`, `iat` and `exp`. The signature is not verified: the API does that. */
function read(jwt: string): Token {
  const [, payload, signature] = jwt.split(".");
  if (!payload || !signature) throw new Error("Not a JWT: use authClient.token(), not the session's token");
  const { sub, iat, exp } = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/"))) as {
    sub?: string;
    iat?: number;
    exp?: number;
  };
  if (iat === undefined || exp === undefined) return { jwt, sub, renewAt: Infinity };
  // The lifetime counts from now, because the device's clock may differ from Better Auth's.
  const lifetime = exp - iat;
  return { jwt, sub, renewAt: now() + lifetime - Math.min(RENEW_SECONDS_BEFORE_END, lifetime / 2) };
}

function now(): number {
  return Date.now() / 1000;
}
