import { SluiceError } from '../../src/index.ts';
import { RequestError } from '../requests/request-error.ts';
import { checkCaller } from './caller-fields.ts';
import type { Caller } from './caller.ts';
import { ANYBODY } from './caller.ts';

/** What a request says about who makes it. */
export interface Credentials {
  /** The token of `Authorization: Bearer` or of `x-api-key`, if there is one. */
  token: string | undefined;
  request: Request;
}

/** Says who makes a request; undefined: it is refused with 401. */
export type Authenticate = (credentials: Credentials) => Caller | undefined | PromiseLike<Caller | undefined>;

/**
 * Who may call. `tokens`: bearer tokens and whose they are, a caller or its id. A function decides by itself. `false`: anybody, which is for a server that listens on
 * loopback alone.
 */
export type Auth = { tokens: Readonly<Record<string, Caller | string>> } | Authenticate | false;

/** A check of requests, made of the option `auth`. */
export type CheckCaller = (request: Request) => Promise<Caller>;

/** The scheme of the header `Authorization`. */
const BEARER = /^bearer +(\S+) *$/i;

const TOKEN = /^\S+$/;

/** A longer token is not looked at. */
const MAX_TOKEN_CHARACTERS = 4_096;

/** The token of a request: `Authorization: Bearer ...`, or `x-api-key`, as the clients of Anthropic send it. */
function tokenOf(headers: Headers): string | undefined {
  const token = BEARER.exec(headers.get('authorization') ?? '')?.[1] ?? headers.get('x-api-key') ?? undefined;
  return token === undefined || token.length > MAX_TOKEN_CHARACTERS ? undefined : token;
}

/** The error for a request that does not say who makes it, or says it wrong. */
export function unauthorized(): RequestError {
  return new RequestError(
    'authentication',
    'The request needs a valid token: send Authorization: Bearer <token>.',
    {
      status: 401,
    },
  );
}

/** Makes the check of the option `auth`. Throws `invalid_options` for tokens that no request can have, or that are of nobody. */
export function callerCheck(auth: Auth): CheckCaller {
  if (auth === false) return () => Promise.resolve(ANYBODY);
  if (typeof auth !== 'function') {
    const find = byTokens(auth.tokens);
    return async ({ headers }) => (await find(tokenOf(headers))) ?? refused();
  }
  return async (request) => {
    const caller: unknown = await auth({ token: tokenOf(request.headers), request });
    // What plain JavaScript gives for nobody, as in `token === known && caller`.
    if (caller === undefined || caller === null || caller === false) return refused();
    checkCaller('createServer(): auth', caller);
    return caller;
  };
}

function refused(): never {
  throw unauthorized();
}

/** Tokens are found by their hashes, so that the time of a look-up says nothing about a token. */
function byTokens(
  tokens: Readonly<Record<string, Caller | string>>,
): (token: string | undefined) => Promise<Caller | undefined> {
  const callers = Object.entries(tokens).map(([token, given]): [string, Caller] => {
    if (!TOKEN.test(token) || token.length > MAX_TOKEN_CHARACTERS)
      throw new SluiceError(
        'invalid_options',
        `createServer(): auth.tokens has a token that no request can have: give one of 1 to ${MAX_TOKEN_CHARACTERS} characters, without spaces.`,
      );
    const caller: unknown = typeof given === 'string' ? { id: given } : given;
    checkCaller('createServer(): a token of auth.tokens', caller);
    return [token, caller];
  });
  const hashed = Promise.all(
    callers.map(async ([token, caller]): Promise<[string, Caller]> => [await hashOf(token), caller]),
  ).then((entries) => new Map(entries));
  return async (token) => (token === undefined ? undefined : (await hashed).get(await hashOf(token)));
}

async function hashOf(token: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token));
  return String.fromCharCode(...new Uint8Array(digest));
}
