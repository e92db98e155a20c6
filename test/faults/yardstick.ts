import { provider } from '../../middleware/provider.ts';
import { Pipeline } from '../../src/index.ts';
import { accountOf } from './account.ts';
import { answering, providerOf } from './stage.ts';
import type { Subject } from './subject.ts';

/** What a recording delivers without a fault. */
export interface Yardstick {
  /** All chunks, as JSON. */
  readonly chunks: readonly string[];
  /** How many chunks the first events deliver, by the number of events, while the stream goes on. */
  readonly countAt: readonly number[];
}

/** Replays a recording without a network: completely, and cut after each of its events. Throws if it differs from its plain reading. */
export async function yardstickOf(subject: Subject): Promise<Yardstick> {
  let body = { bytes: subject.bytes, breaks: false };
  const model = providerOf(
    subject.wire,
    answering(() => body),
  );
  const pipeline = new Pipeline([provider(model)]);
  const whole = await accountOf(pipeline.executeStream('user', 'Hi'));
  const { text, thinking } = subject.reading;
  if (whole.text !== text || whole.thinking !== thinking || whole.done.length !== 1) {
    throw new Error(`${subject.name} does not read as its lines say, even without a fault.`);
  }
  const countAt = [0];
  for (const end of subject.ends) {
    body = { bytes: subject.bytes.subarray(0, end), breaks: true };
    countAt.push((await accountOf(pipeline.executeStream('user', 'Hi'))).chunks.length);
  }
  return { chunks: whole.chunks, countAt };
}
