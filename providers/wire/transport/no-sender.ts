import { SluiceError } from '../../../src/index.ts';
import type { Sender } from './sender.ts';

// This file replaces `dispatch-sender.ts` in runtimes without Node's modules: see `imports` in package.json.

/** There is none: the built-in `fetch` is used. */
export async function loadSender(): Promise<Sender | undefined> {
  return undefined;
}

/** A dispatcher needs Node's sockets. Throws `invalid_options`. */
export function ownSender(_dispatcher: unknown): Sender {
  throw new SluiceError(
    'invalid_options',
    'dispatcher cannot be used in this runtime, which has no sockets of Node: leave it out, or give a fetch.',
  );
}
