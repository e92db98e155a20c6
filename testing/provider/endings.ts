import assert from 'node:assert/strict';

import { settled } from '../contract.ts';
import { directCall } from '../model-call.ts';
import type { ProviderCase } from './contract.ts';
import type { ProviderStage } from './stage.ts';
import { failing, SAID, tell } from './stage.ts';
import { eventWith } from '../upstream/wire-answers.ts';

/** Cases about how a call starts and how it is stopped. */
export const endingCases: readonly ProviderCase[] = [
  {
    name: 'sends nothing before the first read',
    run: (subject) =>
      subject.onStage('text', async ({ provider, request, server }) => {
        const call = directCall(request);
        const stream = provider.stream(request, call);
        await settled();
        assert.deepEqual([server?.requests.length ?? 0, server?.openSockets ?? 0], [0, 0]);
        assert.equal(call.call.usage, undefined);
        await stream.close();
        assert.equal((await stream.next()).done, true);
        assert.equal(server?.requests.length ?? 0, 0);
      }),
  },
  {
    name: 'sends nothing if the signal is already aborted',
    run: (subject) =>
      subject.onStage('text', async ({ provider, request, server }) => {
        const { error } = await failing(provider.stream(request, directCall(request, AbortSignal.abort())));
        assert.equal(error.code, 'aborted');
        assert.equal(server?.requests.length ?? 0, 0);
      }),
  },
  {
    name: 'can be closed halfway, and a second time',
    run: (subject) =>
      subject.onStage('text', async ({ provider, request, server }) => {
        const stream = provider.stream(request, directCall(request));
        assert.equal((await stream.next()).done, false);
        await Promise.all([stream.close(), stream.close()]);
        await stream.close();
        assert.equal((await stream.next()).done, true);
        await server?.idle();
      }),
  },
  {
    name: 'fails with aborted when its signal aborts halfway',
    run: (subject) =>
      subject.onStage('text', async ({ provider, request, server, answers }) => {
        if (answers !== undefined) {
          const stream = answers.stream(SAID.text);
          server?.always({ stream, fault: { kind: 'stall', at: { event: eventWith(stream, 'run') } } });
        }
        const controller = new AbortController();
        const stream = provider.stream(request, directCall(request, controller.signal));
        const first = await stream.next();
        assert.equal(first.done, false);
        controller.abort();
        const { error } = await failing(stream);
        assert.equal(error.code, 'aborted');
      }),
  },
  {
    name: 'works after a call was closed',
    run: (subject) =>
      subject.onStage('text', async ({ provider, request }) => {
        const stream = provider.stream(request, directCall(request));
        await stream.next();
        await stream.close();
        const { content } = await tell(provider, request);
        assert.notEqual(content, '');
      }),
  },
  {
    name: 'keeps concurrent calls apart',
    run: (subject) => subject.onStage('text', checkApart),
  },
  {
    name: 'shares no chunk objects between calls',
    run: (subject) =>
      subject.onStage('text', async ({ provider, request }) => {
        const first = await tell(provider, request);
        for (const chunk of first.chunks) if (chunk.type === 'content') chunk.content = 'spoilt';
        const second = await tell(provider, request);
        assert.equal(second.content.includes('spoilt'), false, 'chunks are shared between calls');
      }),
  },
  {
    name: 'can be closed twice as a whole',
    run: (subject) =>
      subject.onStage('text', async ({ provider, request, server }) => {
        await tell(provider, request);
        await provider.close?.();
        await provider.close?.();
        await server?.idle();
      }),
  },
];

/** Concurrent calls deliver what each delivers alone, even if another call is aborted meanwhile. */
async function checkApart({ provider, request, server, answers }: ProviderStage): Promise<void> {
  const names = ['Danube', 'Elbe', 'Rhine'];
  const requests = names.map((name) => ({
    ...request,
    messages: [...request.messages, { role: 'user' as const, content: `Say ${name}.` }],
  }));
  let held = Promise.resolve();
  if (answers !== undefined) {
    server?.always(function answer({ rawBody }) {
      const stream = answers.stream({
        text: `It is the ${names.find((one) => rawBody.includes(one)) ?? 'sea'}.`,
      });
      const last = stream.lines.length - 1;
      return { stream, split: 'event', gate: (event) => (event < last ? undefined : held) };
    });
  }
  const alone = [];
  for (const one of requests) alone.push((await tell(provider, one)).content);
  if (server !== undefined)
    assert.deepEqual(
      alone,
      names.map((name) => `It is the ${name}.`),
    );

  const { promise, resolve } = Promise.withResolvers<undefined>();
  held = promise.then(() => undefined);
  const controller = new AbortController();
  const stray = provider.stream(request, directCall(request, controller.signal));
  const together = Promise.all(requests.map((one) => tell(provider, one)));
  const over = together.then(
    (told) => told.map(({ content }) => content),
    (error: unknown) => error,
  );
  await stray.next();
  for (let turn = 0; turn < 1_000 && server !== undefined && server.openRequests < 4; turn++)
    await settled(1);
  controller.abort();
  await stray.next().catch(() => undefined);
  resolve(undefined);
  assert.deepEqual(await over, alone);
  await stray.close();
}
