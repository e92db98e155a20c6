import { Agent, buildConnector, cacheStores, EnvHttpProxyAgent, getGlobalDispatcher } from 'undici';
import { describe, expect, it } from 'vitest';

import { loadSender, type Undici } from '../../../../providers/wire/transport/dispatch-sender.ts';
import * as withoutSockets from '../../../../providers/wire/transport/no-sender.ts';
import { isSluiceError } from '../../../../src/index.ts';

const whole = { Agent, EnvHttpProxyAgent, buildConnector, cacheStores, getGlobalDispatcher };

/** Bun's own module of the name undici: the classes are there, and cannot send. */
class AgentOfBun {
  close(): void {
    return undefined;
  }
}

describe('a sender over undici', () => {
  it('is made if undici has what is used of it', async () => {
    const sender = await loadSender(undefined, async () => whole);
    expect(typeof sender?.send).toBe('function');
    await sender?.release();
  });

  it.each<[string, object]>([
    ['is empty', {}],
    ["is Bun's, whose agents cannot send", { ...whole, Agent: AgentOfBun, EnvHttpProxyAgent: AgentOfBun }],
    ['has no agent for the proxies of the environment', { ...whole, EnvHttpProxyAgent: undefined }],
    ['has no global dispatcher', { ...whole, getGlobalDispatcher: undefined }],
    ['is older than 7, which added cacheStores', { ...whole, cacheStores: undefined }],
  ])('is not made if the module %s: the built-in fetch is used', async (_what, module) => {
    expect(await loadSender(undefined, async (): Promise<Partial<Undici>> => module)).toBeUndefined();
  });

  it('is not made if the module is missing or cannot be loaded', async () => {
    expect(
      await loadSender(undefined, () => Promise.reject(new Error('Cannot find package'))),
    ).toBeUndefined();
  });
});

describe('a runtime without the sockets of Node', () => {
  it('has no sender: the built-in fetch is used', async () => {
    expect(await withoutSockets.loadSender()).toBeUndefined();
  });

  it('refuses a dispatcher with what to do instead', () => {
    const refused = ((): unknown => {
      try {
        return withoutSockets.ownSender(new Agent());
      } catch (error) {
        return error;
      }
    })();
    expect(isSluiceError(refused) && refused.code).toBe('invalid_options');
    expect(String(refused)).toContain('give a fetch');
  });
});
