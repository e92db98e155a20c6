import { dispatchRequest, type Dispatches } from './dispatch-request.ts';
import { SluiceError } from '../../../src/index.ts';
import type { Sender } from './sender.ts';

/** The part of the module `undici` that is used. */
export type Undici = Pick<
  typeof import('undici'),
  'Agent' | 'EnvHttpProxyAgent' | 'cacheStores' | 'getGlobalDispatcher'
>;

interface Shared extends Dispatches {
  destroy(): Promise<void>;
}

/** How long it may take to connect. */
const CONNECT_TIMEOUT_MS = 10_000;

let shared: Shared | undefined;
let users = 0;

/**
 * A sender over undici: over the dispatcher that the program has set for all its requests, else over the one that all providers share.
 * Undefined if undici is not installed, or has not what is used of it: Bun has a module of this name that cannot send, and versions before
 * 7 have another form of handlers.
 */
export async function loadSender(
  load: () => Promise<Partial<Undici>> = loadUndici,
): Promise<Sender | undefined> {
  const undici = await load().catch(() => undefined);
  if (undici === undefined || !isComplete(undici)) return undefined;
  const set = globalDispatcher(undici);
  return set === undefined ? sharedSender(undici) : senderOver(set);
}

/** A sender over the caller's own dispatcher, which is never closed here. Throws `invalid_options` for anything else. */
export function ownSender(dispatcher: unknown): Sender {
  if (isDispatcher(dispatcher)) return senderOver(dispatcher);
  throw new SluiceError(
    'invalid_options',
    'dispatcher is not an undici dispatcher: give one such as new ProxyAgent(url) of undici 8.',
  );
}

/** It is an optional peer. */
async function loadUndici(): Promise<Partial<Undici>> {
  return import('undici');
}

function isComplete(undici: Partial<Undici>): undici is Undici {
  const { Agent, EnvHttpProxyAgent, cacheStores, getGlobalDispatcher } = undici;
  return (
    isDispatcher(Agent?.prototype) &&
    isDispatcher(EnvHttpProxyAgent?.prototype) &&
    cacheStores !== undefined &&
    getGlobalDispatcher !== undefined
  );
}

function isDispatcher(value: unknown): value is Dispatches {
  return (
    typeof value === 'object' && value !== null && 'dispatch' in value && typeof value.dispatch === 'function'
  );
}

function senderOver(dispatcher: Dispatches, release: () => Promise<void> = async () => undefined): Sender {
  return { send: (request) => dispatchRequest(dispatcher, request), release };
}

/** A sender over the shared dispatcher. That is made for the first provider and destroyed with the last one. */
function sharedSender(undici: Undici): Sender {
  shared ??= makeDispatcher(undici);
  const dispatcher = shared;
  users += 1;
  let isUsed = true;
  return senderOver(dispatcher, async function release() {
    if (!isUsed) return;
    isUsed = false;
    users -= 1;
    if (users > 0 || shared !== dispatcher) return;
    shared = undefined;
    await dispatcher.destroy();
  });
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
function globalDispatcher(undici: Undici): Dispatches | undefined {
  const set = undici.getGlobalDispatcher();
  if (set instanceof undici.Agent) return undefined;
  if (set instanceof undici.EnvHttpProxyAgent) return set;
  // Node's own copy of undici has classes with these names. The shared dispatcher does the same as those.
  return OF_NODE.has(set.constructor.name) ? undefined : set;
}

const OF_NODE: ReadonlySet<string> = new Set(['Agent', 'EnvHttpProxyAgent']);
