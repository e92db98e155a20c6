import { isSluiceError } from 'sluice';
import type { SluiceError } from 'sluice';
import { provider } from 'sluice/middleware';
import { tool, tools } from 'sluice/middleware/tools';
import { scripted } from 'sluice/testing';
import * as z from 'zod';
import type { ClientOptions } from '../../client/index.ts';
import { executed } from './items.ts';
import type { Executed } from './items.ts';

/** Comes back at once. */
export const soon: ClientOptions = { reconnect: { initialMs: 0, maxMs: 0 } };

/** The error that work ends with. */
export async function errorOf(work: Promise<unknown>): Promise<SluiceError> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isSluiceError(error)) throw new Error(`expected a SluiceError, got ${String(error)}`);
  return error;
}

/** All that a stream gives. */
export async function all<C>(stream: AsyncIterable<C>): Promise<C[]> {
  const read: C[] = [];
  for await (const chunk of stream) read.push(chunk);
  return read;
}

const weather = tool({
  name: 'weather',
  description: 'Tells the weather',
  input: z.object({ city: z.string() }),
  execute: ({ city }) => `Rain in ${city}`,
});

/** A turn with thinking, a tool call, its result and text. */
export const turn = (): Promise<Executed> =>
  executed([
    tools([weather]),
    provider(
      scripted([
        { thinking: 'I have to look.', toolCalls: [{ name: 'weather', arguments: { city: 'Bonn' } }] },
        'It rains in Bonn.',
      ]),
    ),
  ]);
