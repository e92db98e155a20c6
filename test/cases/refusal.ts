import { Pipeline, isSluiceError } from 'sluice';
import type { Middleware } from 'sluice';
import { provider } from 'sluice/middleware';
import { scripted } from 'sluice/testing';

/** A model that always answers. */
export const model = (): Middleware => provider(scripted('Hello', { repeat: true }));

/** Calls a method with any arguments, as plain JavaScript can. */
export async function execute(...given: unknown[]): Promise<unknown> {
  const pipeline = new Pipeline([model()]);
  return Reflect.apply(pipeline.execute, pipeline, given);
}

/** The code and message of the error it fails with. */
export async function refusal(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    return isSluiceError(error) ? `${error.code}: ${error.message}` : `not ours: ${String(error)}`;
  }
  return 'no error';
}
