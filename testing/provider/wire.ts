import assert from 'node:assert/strict';
import { inspect } from 'node:util';

import { settled } from '../contract.ts';
import { directCall } from '../model-call.ts';
import type { WireCase } from './contract.ts';
import { CANARY, failing, SAID, tell } from './stage.ts';
import { eventWith } from '../upstream/wire-answers.ts';
import type { WireStream } from '../upstream/wires.ts';

const MANY_SCRIPTS = 'Größe 😀 naïve – 漢字 ends here.';

/** 16 kB per event, 32 MB in all: more than the buffers between two sockets hold. */
const BIG = 'drop '.repeat(3_200);
const BIG_EVENTS = 2_000;

/** Cases about requests, reading, and consumers that leave. */
export const wireCases: readonly WireCase[] = [
  {
    name: 'sends one request, with the key only in a header',
    run: (subject) =>
      subject.onWire(async ({ provider, request, enqueue, answers, server }) => {
        enqueue({ stream: answers.stream(SAID.text) });
        const parameters = { temperature: 0.25, maxTokens: 1_234, includeRaw: true };
        const { reply } = await tell(provider, { ...request, parameters });
        const [sent] = server.requests;
        assert.equal(server.requests.length, 1);
        assert.ok(sent?.rawBody.includes('"temperature":0.25') === true, 'the temperature was not sent');
        assert.ok(sent.rawBody.includes(':1234'), 'the token limit was not sent');
        assert.equal(
          `${sent.path} ${sent.rawBody}`.includes(CANARY),
          false,
          'the key is in the path or body',
        );
        assert.ok(Object.values(sent.headers).join(' ').includes(CANARY), 'the key was not sent');
        assert.equal(inspect(reply, { depth: 20 }).includes(CANARY), false, 'the key is in the reply');
      }),
  },
  {
    name: 'reads a stream however it is split, with any line ends and with keep-alives',
    run: (subject) =>
      subject.onWire(async ({ provider, request, enqueue, answers }) => {
        const stream: WireStream = answers.stream({ text: MANY_SCRIPTS });
        enqueue(
          { stream, split: { seed: 7, maxBytes: 5 } },
          { stream: { ...stream, lineEnd: '\r\n' }, split: { seed: 8, maxBytes: 7 } },
          { stream: { ...stream, comments: { count: 3 } }, split: 'event' },
        );
        const whole = [];
        for (let at = 0; at < 3; at++) whole.push(await tell(provider, request));
        assert.deepEqual(
          whole.map(({ content }) => content),
          [MANY_SCRIPTS, MANY_SCRIPTS, MANY_SCRIPTS],
        );
        const [first, ...others] = whole.map(({ chunks }) => chunks.length);
        assert.deepEqual(others, [first, first]);
      }),
  },
  {
    name: 'reports the finish reason',
    run: (subject) =>
      subject.onWire(async ({ provider, request, enqueue, answers }) => {
        const told = [];
        for (const { stream } of answers.stops) {
          enqueue({ stream });
          told.push((await tell(provider, request)).reply.finishReason);
        }
        assert.deepEqual(
          told,
          answers.stops.map(({ finishReason }) => finishReason),
        );
      }),
  },
  {
    name: 'delivers text before the rest arrives',
    run: (subject) =>
      subject.onWire(async ({ provider, request, enqueue, answers }) => {
        const stream = answers.stream(SAID.text);
        enqueue({
          stream,
          split: 'event',
          fault: { kind: 'stall', at: { event: eventWith(stream, 'run') } },
        });
        const reading = provider.stream(request, directCall(request));
        const { value } = await reading.next();
        assert.deepEqual(value !== undefined && 'content' in value ? value.content : value, 'Rivers ');
        await reading.close();
      }),
  },
  {
    name: 'does not read far ahead of its reader',
    run: (subject) =>
      subject.onWire(async ({ provider, request, enqueue, answers, server }) => {
        const stream = answers.stream({ text: [BIG, 'end'] });
        const at = eventWith(stream, BIG);
        const big = Array.from({ length: BIG_EVENTS }, () => stream.lines[at] ?? '');
        enqueue({
          stream: { ...stream, lines: [...stream.lines.slice(0, at), ...big] },
          fault: { kind: 'stall' },
        });
        const reading = provider.stream(request, directCall(request));
        await reading.next();
        const [asked] = server.requests;
        for (let before = -1, still = 0; still < 100; before = asked?.bytesSent ?? 0) {
          await settled(2);
          still = before === asked?.bytesSent ? still + 1 : 0;
        }
        assert.equal(asked?.clientLeft, false);
        const half = (BIG.length * BIG_EVENTS) / 2;
        assert.ok(
          asked.bytesSent < half,
          `${asked.bytesSent} bytes were read for a consumer that read one chunk`,
        );
        await reading.close();
        assert.equal(await asked.closed, 'client-left');
      }),
  },
  {
    name: 'closes the connection when it is aborted before the headers',
    run: (subject) =>
      subject.onWire(async ({ provider, request, enqueue, server }) => {
        enqueue({ delayHeaders: new Promise(() => undefined) });
        const controller = new AbortController();
        const failure = failing(provider.stream(request, directCall(request, controller.signal)));
        const asked = await server.nextRequest();
        controller.abort();
        assert.equal((await failure).error.code, 'aborted');
        assert.equal(await asked.closed, 'client-left');
      }),
  },
  {
    name: 'closes the connection when it is aborted while a read is pending',
    run: (subject) =>
      subject.onWire(async ({ provider, request, enqueue, answers, server }) => {
        enqueue({ stream: answers.stream(SAID.text), fault: { kind: 'stall', at: { event: 0 } } });
        const controller = new AbortController();
        const failure = failing(provider.stream(request, directCall(request, controller.signal)));
        const asked = await server.nextRequest();
        await settled();
        controller.abort();
        assert.equal((await failure).error.code, 'aborted');
        assert.equal(await asked.closed, 'client-left');
      }),
  },
  {
    name: 'closes the connection when it is closed while a read is pending',
    run: (subject) =>
      subject.onWire(async ({ provider, request, enqueue, answers, server }) => {
        const stream = answers.stream(SAID.text);
        enqueue({ stream, fault: { kind: 'stall', at: { event: eventWith(stream, 'run') } } });
        const reading = provider.stream(request, directCall(request));
        await reading.next();
        const pending = reading.next();
        await reading.close();
        assert.equal((await pending).done, true);
        assert.equal(await server.requests[0]?.closed, 'client-left');
      }),
  },
  {
    name: 'closes the connection when its reader leaves the loop',
    run: (subject) =>
      subject.onWire(async ({ provider, request, enqueue, answers, server }) => {
        const stream = answers.stream(SAID.text);
        enqueue({ stream, fault: { kind: 'stall', at: { event: eventWith(stream, 'run') } } });
        for await (const _chunk of provider.stream(request, directCall(request))) break;
        assert.equal(await server.requests[0]?.closed, 'client-left');
      }),
  },
];
