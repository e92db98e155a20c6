import { SluiceError } from '../../../src/index.ts';
import { isDispatcher, type Dispatches } from './dispatch-fetch.ts';

/** The part of the module `undici` that is used. */
export type Undici = Pick<typeof import('undici'), 'Agent' | 'EnvHttpProxyAgent' | 'getGlobalDispatcher'>;

/** Loads undici. Undefined if it is not installed. */
export type LoadUndici = () => Promise<Undici | undefined>;

/** A dispatcher that is in use until `release()`. */
export interface UsedDispatcher {
  dispatcher: Dispatches;
  release(): Promise<void>;
}

interface Shared extends Dispatches {
  destroy(): Promise<void>;
}

/** How long it may take to connect. */
const CONNECT_TIMEOUT_MS = 10_000;

let shared: Shared | undefined;
let users = 0;

/** Loads undici when it is first needed. It is an optional peer. */
export async function loadUndici(): Promise<Undici | undefined> {
  try {
    return await import('undici');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new SluiceError(
      'invalid_options',
      'The package undici is installed but cannot be loaded: install undici 8.',
      {
        cause: error,
      },
    );
  }
}

function isMissing(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND';
}

/** The dispatcher that all providers share. It is made for the first provider and destroyed with the last one. */
export function useShared(undici: Undici): UsedDispatcher {
  shared ??= makeDispatcher(undici);
  const dispatcher = shared;
  users += 1;
  let isUsed = true;
  return {
    dispatcher,
    async release() {
      if (!isUsed) return;
      isUsed = false;
      users -= 1;
      if (users > 0 || shared !== dispatcher) return;
      shared = undefined;
      await dispatcher.destroy();
    },
  };
}

/**
 * HTTP/1.1 with one connection for each stream, without a limit on their number: a reset or a slow reader then affects no
 * other stream. The only timeout is for the connect: all others are the pipeline's. Idle connections do not keep the
 * process alive.
 */
function makeDispatcher(undici: Undici): Shared {
  const options = {
    allowH2: false,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: CONNECT_TIMEOUT_MS },
  };
  return usesEnvProxy() ? new undici.EnvHttpProxyAgent(options) : new undici.Agent(options);
}

/**
 * Whether to use the proxies of the environment: exactly if Node's own `fetch` uses them, which is on request. Flags take
 * precedence over the variable, and the last flag over the others.
 */
function usesEnvProxy(): boolean {
  const flags = [...(process.env['NODE_OPTIONS']?.split(/\s+/) ?? []), ...process.execArgv];
  const flag = flags.findLast((one) => one === '--use-env-proxy' || one === '--no-use-env-proxy');
  return flag === undefined ? process.env['NODE_USE_ENV_PROXY'] === '1' : flag === '--use-env-proxy';
}

/**
 * The dispatcher that the program set for all its requests with undici's `setGlobalDispatcher()`, such as a proxy or a
 * mock. A plain `Agent` does not count, because there always is one.
 */
export function globalDispatcher(undici: Undici): Dispatches | undefined {
  const set = undici.getGlobalDispatcher();
  if (set instanceof undici.Agent) return undefined;
  if (set instanceof undici.EnvHttpProxyAgent) return set;
  // Node's own copy of undici has classes with these names. The shared dispatcher does the same as those.
  return OF_NODE.has(set.constructor.name) ? undefined : set;
}

const OF_NODE: ReadonlySet<string> = new Set(['Agent', 'EnvHttpProxyAgent']);

/** Checks the caller's own dispatcher, which is never closed here. */
export function ownDispatcher(dispatcher: unknown): UsedDispatcher {
  if (!isDispatcher(dispatcher)) {
    throw new SluiceError(
      'invalid_options',
      'dispatcher is not an undici dispatcher: give one such as new ProxyAgent(url) of undici 8.',
    );
  }
  return { dispatcher, release: async () => undefined };
}
