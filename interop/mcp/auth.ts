import type { AuthProvider, FetchLike, OAuthClientProvider } from '@modelcontextprotocol/client';

type ClientModule = Pick<
  typeof import('@modelcontextprotocol/client'),
  'UnauthorizedError' | 'auth' | 'extractWWWAuthenticateParams'
>;

/** A token, or what gets and renews tokens by OAuth: both as the official client takes them. */
export type McpAuth = AuthProvider | OAuthClientProvider;

/** Tokens for a server, of which one renewal is under way at a time, however many requests were refused. */
export class Tokens implements AuthProvider {
  readonly #auth: McpAuth;
  readonly #client: ClientModule;
  /** The tokens with which requests were sent, by their responses. */
  readonly #used = new WeakMap<Response, string>();
  #renewal: Promise<void> | undefined;

  constructor(auth: McpAuth, client: ClientModule) {
    this.#auth = auth;
    this.#client = client;
  }

  async token(): Promise<string | undefined> {
    if (isOAuth(this.#auth)) return (await this.#auth.tokens())?.access_token;
    return this.#auth.token();
  }

  /** Notes with which token a request was sent. */
  noting(base: FetchLike): FetchLike {
    return async (url, init) => {
      const response = await base(url, init);
      const authorization = new Headers(init?.headers).get('authorization');
      if (authorization !== null) this.#used.set(response, authorization);
      return response;
    };
  }

  readonly onUnauthorized: NonNullable<AuthProvider['onUnauthorized']> = async (context) => {
    // It was sent with a token that another request has renewed meanwhile.
    const used = this.#used.get(context.response);
    const now = await this.token();
    if (used !== undefined && now !== undefined && used !== `Bearer ${now}`) return;
    this.#renewal ??= this.#renew(context).finally(() => (this.#renewal = undefined));
    await this.#renewal;
  };

  async #renew(context: Parameters<NonNullable<AuthProvider['onUnauthorized']>>[0]): Promise<void> {
    const { UnauthorizedError, auth, extractWWWAuthenticateParams } = this.#client;
    const provider = this.#auth;
    if (!isOAuth(provider)) {
      if (provider.onUnauthorized === undefined) throw new UnauthorizedError();
      await provider.onUnauthorized(context);
      return;
    }
    const { resourceMetadataUrl, scope } = extractWWWAuthenticateParams(context.response);
    const { serverUrl, fetchFn } = context;
    const done = await auth(provider, { serverUrl, resourceMetadataUrl, scope, fetchFn });
    if (done !== 'AUTHORIZED') throw new UnauthorizedError('Somebody has to log in again.');
  }
}

function isOAuth(auth: McpAuth): auth is OAuthClientProvider {
  return 'tokens' in auth && 'clientMetadata' in auth;
}
