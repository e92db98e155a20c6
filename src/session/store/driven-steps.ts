import type { Step, StoredStep } from '../steps/step.ts';
import { checkRecord, checkTurn } from './check-call.ts';
import type { Place } from './driver.ts';
import { isPending } from './driver-calls.ts';
import type { DriverCalls } from './driver-calls.ts';
import { stepGroup } from './driver-names.ts';
import type { SessionContents } from './session-contents.ts';
import { leaseLostError, stepConflictError, stepTooLateError } from './store-errors.ts';
import type { RecordOptions, SessionKey } from './store.ts';
import { sumsOf } from './sums.ts';

/** The steps of open turns. Each is a row of its own, in a group that is named after its turn. */
export class DrivenSteps<Content> {
  readonly #calls: DriverCalls<Content>;
  readonly #contents: SessionContents<Content>;

  constructor(calls: DriverCalls<Content>, contents: SessionContents<Content>) {
    this.#calls = calls;
    this.#contents = contents;
  }

  async record(
    key: SessionKey,
    turnId: string,
    steps: readonly Step[],
    options: RecordOptions,
  ): Promise<number> {
    const place = checkRecord(key, turnId, steps, options);
    const { token } = options.lease;
    const till = options.from + steps.length;
    for (let { from, spent } = options; ; spent = undefined) {
      const answer = this.#calls.write('record', place, {
        group: { id: stepGroup(turnId), from },
        token,
        held: true,
        before: options.before,
        rows: this.#contents.stepRows(steps.slice(from - options.from), token, spent),
        fields: this.#contents.fields(options.metadata, from === 0 ? { opens: { turnId, token } } : {}),
        sums: spent && sumsOf(spent, 0),
        bump: options.metadata !== undefined,
        release: options.release ?? false,
      });
      const written = isPending(answer) ? await answer : answer;
      if (written.refused === undefined) return written.version;
      if (written.refused === 'token' || written.token !== token) throw leaseLostError(key);
      if (written.refused === 'before') throw stepTooLateError(key, turnId);
      // Other numbers were expected: this record may have been sent before. A write is stored as a whole, so its money and its metadata are stored, too.
      const there = await this.#read('record', key, turnId, place);
      const isOurs = there.slice(from, till).every((step) => step.token === token);
      if (there.length <= from || !isOurs) throw stepConflictError(key, turnId, from, there.length);
      if (there.length >= till) return written.version;
      from = there.length;
    }
  }

  async steps(key: SessionKey, turnId: string): Promise<StoredStep[]> {
    return this.#read('steps', key, turnId, checkTurn(key, turnId));
  }

  async #read(doing: string, key: SessionKey, turnId: string, place: Place): Promise<StoredStep[]> {
    const answer = this.#calls.group(doing, place, stepGroup(turnId));
    return this.#contents.steps(key, isPending(answer) ? await answer : answer);
  }
}
