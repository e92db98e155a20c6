import { UsageError } from '../usage-error.ts';

/** What the command line says about the server. All of it is optional. */
export interface ServeWishes {
  port?: string | undefined;
  host?: string | undefined;
}

/** What the command line and the environment say about the server. */
export interface ServeSettings {
  port: number | undefined;
  host: string | undefined;
  /** Callers by their tokens; undefined: there is no token. */
  tokens: Record<string, string> | undefined;
  origins: string[] | undefined;
  hosts: string[] | undefined;
  debug: boolean;
  redisUrl: string | undefined;
  databaseUrl: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the settings. The command line comes before the environment. Throws a `UsageError`. */
export function serveSettings(wishes: ServeWishes, environment: Environment): ServeSettings {
  const text = (name: string): string | undefined => environment[name]?.trim() || undefined;
  return {
    port: portOf(wishes.port ?? text('PORT')),
    host: wishes.host ?? text('HOST'),
    tokens: tokensOf(text('SLUICE_TOKENS')),
    origins: listOf(text('CORS_ORIGINS')),
    hosts: listOf(text('HOSTS')),
    debug: !['', '0', 'false', undefined].includes(text('DEBUG')?.toLowerCase()),
    redisUrl: text('REDIS_URL'),
    databaseUrl: text('DATABASE_URL'),
  };
}

function portOf(given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  const port = Number(given);
  if (Number.isSafeInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new UsageError('The port is not a number from 0 to 65535: set PORT or --port to one.');
}

function listOf(given: string | undefined): string[] | undefined {
  return given
    ?.split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

/** `ada=token1,bob=token2`: who calls, and the token. The same caller may have several. */
function tokensOf(given: string | undefined): Record<string, string> | undefined {
  const pairs = listOf(given);
  if (pairs === undefined) return undefined;
  return Object.fromEntries(
    pairs.map((pair): [string, string] => {
      const at = pair.indexOf('=');
      const token = pair.slice(at + 1);
      if (at < 1 || token.length < 8)
        throw new UsageError(
          'SLUICE_TOKENS is not a list such as ada=a-long-token,bob=another-token, with tokens of at least 8 characters.',
        );
      return [token, pair.slice(0, at)];
    }),
  );
}
