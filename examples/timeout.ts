// Three models that take too long, each in its own way, and the time limit that catches it.
import { Pipeline, SluiceError } from 'sluice';
import { constant } from 'sluice/kit';
import { provider, retry, timeout } from 'sluice/middleware';
import type { TimeoutOptions } from 'sluice/middleware';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer } from 'sluice/testing';

async function ask(limits: TimeoutOptions, answer: ScriptedAnswer): Promise<void> {
  const pipeline = new Pipeline([timeout(limits), provider(scripted(answer))]);
  try {
    const { response } = await pipeline.execute('user', 'Hello');
    console.log('answered:', response.content);
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    console.log(`${error.code} (${error.phase}), received: ${JSON.stringify(error.partial?.content)}`);
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

// It sends nothing at all.
await ask({ firstChunkMs: 100 }, { hang: true });

// It stops in the middle.
await ask({ firstChunkMs: 1_000, idleMs: 100 }, { text: ['Hello ', 'there'], after: 1, hang: true });

// It never ends.
await ask(
  { idleMs: 100, totalMs: 200 },
  { text: 'one two three four five six seven', gate: () => pause(60) },
);

// Inside retry() the limits apply to each attempt; here the second attempt is fast enough.
const model = scripted([{ hang: true }, 'Sorry, here I am.']);
const careful = new Pipeline([
  retry({ backoff: constant(10) }),
  timeout({ firstChunkMs: 100 }),
  provider(model),
]);
const { response } = await careful.execute('user', 'Hello');
console.log(`answered after ${model.calls.length} attempts: ${response.content}`);
