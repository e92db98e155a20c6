import type { PendingCall, SluiceError } from '../../src/index.ts';

/** What a call with an execution inside gives in place of a result: calls inside it wait, or the execution cannot go on. */
export class Unfinished {
  readonly why: { readonly pending: readonly PendingCall[] } | { readonly error: SluiceError };

  constructor(why: Unfinished['why']) {
    this.why = why;
  }
}
