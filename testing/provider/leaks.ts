import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';

import { settled } from '../contract.ts';
import { timersLeftBy, unhandledRejectionsOf } from '../leaks.ts';
import { directCall } from '../model-call.ts';
import type { ProviderCase } from './contract.ts';
import { failing, tell } from './stage.ts';
import type { ProviderStage } from './stage.ts';

/** Cases about what calls leave behind. */
export const leakCases: readonly ProviderCase[] = [
  {
    name: 'leaves no listener on a signal that outlives the call',
    run: (subject) =>
      subject.onStage('text', async ({ provider, request }) => {
        const { signal } = new AbortController();
        for (let at = 0; at < 10; at++) {
          await tell(provider, request, signal);
          const stream = provider.stream(request, directCall(request, signal));
          await stream.next();
          await stream.close();
        }
        await settled();
        assert.equal(getEventListeners(signal, 'abort').length, 0);
      }),
  },
  {
    name: 'leaves no unhandled rejection',
    run: (subject) =>
      subject.onStage('text', async (stage) => {
        assert.deepEqual(await unhandledRejectionsOf(() => everyEnd(stage)), []);
      }),
  },
  {
    name: 'leaves no timer running',
    async run(subject) {
      const left = await timersLeftBy(() => subject.onStage('text', everyEnd));
      assert.equal(left, 0, `${left} timers that keep the process alive are left`);
    },
  },
];

/** Calls that complete, are closed halfway, are aborted while they wait, and are closed while they wait. */
async function everyEnd({ provider, request }: ProviderStage): Promise<void> {
  await tell(provider, request);

  const closed = provider.stream(request, directCall(request));
  await closed.next();
  await closed.close();

  const controller = new AbortController();
  const aborted = provider.stream(request, directCall(request, controller.signal));
  const first = aborted.next().catch(() => undefined);
  controller.abort();
  await first;
  await failing(aborted);

  const waiting = provider.stream(request, directCall(request));
  const read = waiting.next();
  await waiting.close();
  await read;
}
