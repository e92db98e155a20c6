import { SluiceError } from '../../../src/index.ts';
import type { Http2Settings } from '../options/http2-options.ts';
import { dispatchRequest, type Dispatches } from './dispatch-request.ts';
import { CONNECT_TIMEOUT_MS, HTTP1_OPTIONS } from './http1-options.ts';
import type { PlainRequest } from './plain-request.ts';
import type { Sender } from './sender.ts';

/** The part of the module `undici` that is used. */
export type Undici = Pick<
  typeof import('undici'),
  'Agent' | 'EnvHttpProxyAgent' | 'buildConnector' | 'cacheStores' | 'getGlobalDispatcher'
>;

/** What all providers share. */
interface Shared {
  send(request: PlainRequest, http2: Http2Settings | undefined): Promise<Response>;
  destroy(): Promise<void>;
}

let shared: Shared | undefined;
let users = 0;

/**
 * A sender over undici: over the dispatcher that the program has set for all its requests, else over the one that all providers share.
 * Undefined if undici is not installed, or has not what is used of it: Bun has a module of this name that cannot send, and versions before
 * 7 have another form of handlers.
 */
export async function loadSender(
  http2: Http2Settings | undefined,
  load: () => Promise<Partial<Undici>> = loadUndici,
): Promise<Sender | undefined> {
  const undici = await load().catch(() => undefined);
  if (undici === undefined || !isComplete(undici)) return undefined;
  const set = globalDispatcher(undici);
  if (set !== undefined) return senderOver(set);
  // Loaded on demand, because not everybody needs Node's module for HTTP/2.
  const { SharedDispatcher } = await import('./shared-dispatcher.ts');
  shared ??= usesEnvProxy() ? overEnvProxy(undici) : new SharedDispatcher(undici);
  return sharedSender(shared, hasHttp2() ? http2 : undefined);
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
  const { Agent, EnvHttpProxyAgent, buildConnector, cacheStores, getGlobalDispatcher } = undici;
  return (
    isDispatcher(Agent?.prototype) &&
    isDispatcher(EnvHttpProxyAgent?.prototype) &&
    buildConnector !== undefined &&
    cacheStores !== undefined &&
    getGlobalDispatcher !== undefined
  );
}

function isDispatcher(value: unknown): value is Dispatches {
  return (
    typeof value === 'object' && value !== null && 'dispatch' in value && typeof value.dispatch === 'function'
  );
}

function senderOver(dispatcher: Dispatches): Sender {
  return { send: (request) => dispatchRequest(dispatcher, request), release: async () => undefined };
}

/** A sender over the shared dispatcher. That is made for the first provider and destroyed with the last one. */
function sharedSender(dispatcher: Shared, http2: Http2Settings | undefined): Sender {
  users += 1;
  let isUsed = true;
  return {
    send: (request) => dispatcher.send(request, http2),
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

/** Deno's module for HTTP/2 is not complete. */
function hasHttp2(): boolean {
  return !('deno' in process.versions);
}

/** Over the proxies of the environment. They are used as they are, with HTTP/1.1 through them. */
function overEnvProxy(undici: Undici): Shared {
  const agent = new undici.EnvHttpProxyAgent({ ...HTTP1_OPTIONS, connect: { timeout: CONNECT_TIMEOUT_MS } });
  return { send: (request) => dispatchRequest(agent, request), destroy: () => agent.destroy() };
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
