import { UsageError } from '../usage-error.ts';

/** What the command line says about the server. All of it is optional. */
export interface ServeWishes {
  port?: string | undefined;
  host?: string | undefined;
  corsOrigins?: string | undefined;
  hosts?: string | undefined;
  redisUrl?: string | undefined;
  databaseUrl?: string | undefined;
  debug?: boolean | undefined;
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
    host: wishes.host?.trim() || text('HOST'),
    tokens: tokensOf(text('SLUICE_TOKENS')),
    origins: originsOf(wishes.corsOrigins ?? text('CORS_ORIGINS')),
    hosts: hostsOf(wishes.hosts ?? text('HOSTS')),
    debug: wishes.debug ?? isDebug(text('DEBUG')),
    redisUrl: urlOf(wishes.redisUrl ?? text('REDIS_URL'), {
      says: 'REDIS_URL or --redis-url',
      schemes: ['redis:', 'rediss:'],
      example: 'redis://127.0.0.1:6379',
    }),
    databaseUrl: urlOf(wishes.databaseUrl ?? text('DATABASE_URL'), {
      says: 'DATABASE_URL or --database-url',
      schemes: ['postgres:', 'postgresql:'],
      example: 'postgres://user@127.0.0.1:5432/chat',
    }),
  };
}

/** `DEBUG=1`. Many packages share the variable, each with names of its own: `DEBUG=express:*` is not meant for this one. */
function isDebug(given: string | undefined): boolean {
  const names = listOf(given?.toLowerCase()) ?? [];
  return names.some((name) => ['1', 'true', 'on', 'yes', '*', 'sluice', 'sluice:*'].includes(name));
}

function portOf(given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  // Number() takes an empty text for 0, which is any free port.
  const port = /^\d{1,5}$/.test(given) ? Number(given) : Number.NaN;
  if (port <= 65_535) return port;
  throw new UsageError('The port is not a number from 0 to 65535: set PORT or --port to one.');
}

function listOf(given: string | undefined): string[] | undefined {
  return given
    ?.split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

function originsOf(given: string | undefined): string[] | undefined {
  const origins = listOf(given);
  if (origins?.length === 0)
    throw new UsageError(
      'CORS_ORIGINS or --cors-origins names no origin: give a list such as https://chat.example.com,http://localhost:5173, or leave it out.',
    );
  const wrong = origins?.find((one) => !URL.canParse(one) || !/^[a-z][\w+.-]*:\/\/[^/\s]+$/.test(one));
  if (wrong === undefined) return origins;
  throw new UsageError(
    `CORS_ORIGINS or --cors-origins has ${JSON.stringify(wrong)}, which is not an origin: give a list such as https://chat.example.com,http://localhost:5173.`,
  );
}

function hostsOf(given: string | undefined): string[] | undefined {
  const hosts = listOf(given);
  if (hosts?.length === 0)
    throw new UsageError(
      'HOSTS or --hosts names no host: give a list such as chat.example.com,api.example.com:8443, or leave it out.',
    );
  const wrong = hosts?.find((one) => !/^[\w.-]+(:\d+)?$|^\[[\da-f:]+\](:\d+)?$/i.test(one));
  if (wrong === undefined) return hosts;
  throw new UsageError(
    `HOSTS or --hosts has ${JSON.stringify(wrong)}, which is not a host name: give a list such as chat.example.com,api.example.com:8443.`,
  );
}

/** Checks the address of a service. The error does not quote it, because it may hold a password. */
function urlOf(
  given: string | undefined,
  { says, schemes, example }: { says: string; schemes: readonly string[]; example: string },
): string | undefined {
  if (given === undefined) return undefined;
  if (URL.canParse(given) && schemes.includes(new URL(given).protocol)) return given;
  throw new UsageError(`${says} is not an address of such a service: give one such as ${example}.`);
}

/** `ada=token1,bob=token2`: who calls, and the token. The same caller may have several. */
function tokensOf(given: string | undefined): Record<string, string> | undefined {
  const pairs = listOf(given);
  if (pairs === undefined) return undefined;
  const tokens = pairs.map((pair): [string, string] => {
    const at = pair.indexOf('=');
    return [pair.slice(at + 1), pair.slice(0, Math.max(0, at))];
  });
  if (tokens.length === 0 || tokens.some(([token, caller]) => token.length < 8 || caller === ''))
    throw new UsageError(
      'SLUICE_TOKENS is not a list such as ada=a-long-token,bob=another-token, with tokens of at least 8 characters.',
    );
  if (tokens.some(([token]) => !/^[\x21-\x7e]+$/.test(token)))
    throw new UsageError(
      'SLUICE_TOKENS has a token that no header can carry: take letters, digits and signs of ASCII, without spaces.',
    );
  // The last one would speak for all of them.
  if (new Set(tokens.map(([token]) => token)).size < tokens.length)
    throw new UsageError('SLUICE_TOKENS has the same token twice: give each caller one of its own.');
  return Object.fromEntries(tokens);
}
