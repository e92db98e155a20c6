import { SluiceError } from 'sluice';
import type { Lease, StateStore } from 'sluice';
import { describe, expect, test } from 'vitest';
import { ForwardingStore } from '../../support/forwarding-store.ts';
import { Desk, KEY, guarded } from './desk.ts';
import { calling, resultsIn } from './stage.ts';

type Verb = 'load' | 'turn' | 'append' | 'record' | 'steps' | 'lease';

/** The store of a process that dies at one of its calls: before it is carried out or after. It answers no more, and gives no lease back. */
class Dying extends ForwardingStore {
  readonly calls: Verb[] = [];
  readonly #at: number;
  readonly #when: 'before' | 'after';
  #isDead = false;

  constructor(store: StateStore, at: number, when: 'before' | 'after') {
    super(store);
    this.#at = at;
    this.#when = when;
  }

  override load(...given: Parameters<StateStore['load']>) {
    return this.#call('load', () => super.load(...given));
  }

  override turn(...given: Parameters<StateStore['turn']>) {
    return this.#call('turn', () => super.turn(...given));
  }

  override append(...given: Parameters<StateStore['append']>) {
    return this.#call('append', () => super.append(...given));
  }

  override record(...given: Parameters<StateStore['record']>) {
    return this.#call('record', () => super.record(...given));
  }

  override steps(...given: Parameters<StateStore['steps']>) {
    return this.#call('steps', () => super.steps(...given));
  }

  override async lease(...given: Parameters<StateStore['lease']>): Promise<Lease> {
    const lease = await this.#call('lease', () => super.lease(...given));
    const release = (): Promise<void> => (this.#isDead ? Promise.resolve() : lease.release());
    return {
      token: lease.token,
      expiresAt: lease.expiresAt,
      renew: (ttlMs) => lease.renew(ttlMs),
      release,
      [Symbol.asyncDispose]: release,
    };
  }

  async #call<T>(verb: Verb, call: () => Promise<T>): Promise<T> {
    const isLast = this.calls.push(verb) - 1 === this.#at;
    if (this.#isDead || (isLast && this.#when === 'before')) return this.#die();
    const answer = await call();
    return isLast ? this.#die() : answer;
  }

  #die(): never {
    this.#isDead = true;
    throw new SluiceError('store', 'The process is dead.', { retryable: false });
  }
}

/** A session with a turn whose two calls wait. */
async function waiting(pay: ReturnType<typeof guarded>): Promise<Desk> {
  const desk = new Desk();
  const calls = calling(['pay', { amount: 1 }], ['pay', { amount: 2 }]);
  await desk.turn([pay.made], 'Pay.', { answers: [calls], options: { turnId: 't' } });
  return desk;
}

const ON = { '0_0': { approve: true as const }, '0_1': { deny: 'No.' } };
const options = { turnId: 'd1', onBusy: 'supersede' as const };

/** How often a process calls its store that makes these decisions and lives. */
async function callsOfALife(): Promise<Verb[]> {
  const pay = guarded();
  const desk = await waiting(pay);
  const store = new Dying(desk.store, Number.POSITIVE_INFINITY, 'before');
  await new Desk(store).decide([pay.made], ON, { message: 'Be quick.', options });
  // The desk itself has asked for the ids of the calls first.
  return store.calls;
}

describe('R61 a process that dies while it decides', () => {
  test.each(['before', 'after'] as const)(
    '%s any call of its store is carried out: the decisions count once',
    async (when) => {
      const verbs = await callsOfALife();
      expect(verbs.filter((verb) => verb === 'record')).toHaveLength(2);
      for (const at of verbs.keys()) {
        const pay = guarded();
        const desk = await waiting(pay);
        const message = 'Be quick.';
        await new Desk(new Dying(desk.store, at, when))
          .decide([pay.made], ON, { message, options })
          .catch(() => undefined);
        const afterDeath = pay.runs.length;
        expect(afterDeath).toBeLessThanOrEqual(1);

        let turn = await desk.decide([pay.made], ON, { message, options });
        const isUnknown = turn.result?.reason === 'unknown_outcome';
        // A call that may have begun in the dead process is asked about, and does not run again by itself.
        expect(pay.runs).toHaveLength(isUnknown ? afterDeath : 1);
        if (isUnknown) {
          turn = await desk.decide(
            [pay.made],
            { '0_0': { result: 'paid by hand' } },
            { options: { turnId: 'd2' } },
          );
        }
        expect(turn.result?.outcome).toBe('completed');
        expect(await desk.roles()).toEqual(['user', 'assistant', 'tool', 'user', 'assistant']);
        expect(resultsIn((await desk.store.load(KEY))?.messages)).toEqual([
          isUnknown ? 'ok 0_0 paid by hand' : 'ok 0_0 pay {"amount":1}',
          'ok 0_1 The call was denied, and the tool was not run. No.',
        ]);
        const late = await desk.decide([pay.made], ON, { options: { turnId: 'd3' } });
        expect(late.error?.code).toBe('conflict');
      }
    },
  );
});
