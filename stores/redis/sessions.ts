import type { Place } from '../../src/index.ts';
import type { Keys } from './keys.ts';
import type { Owners, PaidWrite } from './owners.ts';
import { answerOf } from './replies.ts';
import type { Answer } from './replies.ts';
import { isCrossSlot } from './server.ts';
import type { Script, Server, StoreCall } from './server.ts';
import { WRITE } from './session-scripts.ts';

/** What a write to a session needs besides its script. */
export interface WriteOptions {
  /** Whether the write may create the session. */
  begins: boolean;
  /** What it adds to the owner's sums. */
  paid?: PaidWrite | undefined;
}

/**
 * Runs scripts on sessions. One that also changes what belongs to the owner does so in the same step, unless the server is a cluster: then
 * the data of the owner is changed in steps of its own (see {@link Owners}).
 */
export class Sessions {
  readonly #server: Server;
  readonly #keys: Keys;
  readonly #owners: Owners;
  /** Whether the keys of an owner and of a session cannot be in one script. Known after the first script that is refused. */
  #split = false;
  readonly #background = new Set<Promise<unknown>>();

  constructor(server: Server, keys: Keys, owners: Owners) {
    this.#server = server;
    this.#keys = keys;
    this.#owners = owners;
  }

  /** Runs a script on a session alone. */
  async run(call: StoreCall, script: Script, place: Place, args: string[]): Promise<unknown> {
    return this.#server.run(call, script, { keys: [this.#keys.session(place)], args });
  }

  /**
   * Runs a script that may change the index of the owner. In a cluster a new session is added to the index before it exists, so that no crash
   * leaves a session that is not listed, and again afterwards, because its owner may have been forgotten in between.
   */
  async write(
    call: StoreCall,
    script: Script,
    place: Place,
    args: string[],
    { begins }: WriteOptions = { begins: false },
  ): Promise<Answer> {
    const together = await this.#together(call, script, place, args);
    if (together !== undefined) return together;
    if (begins) await this.#register(call, place);
    const answer = answerOf(await this.run(call, script, place, args));
    if (begins && answer.word === 'stored') await this.#register(call, place);
    return answer;
  }

  /**
   * Appends. In a cluster the ticket that is stored with the append is closed after it. If the turn was stored before, that is the ticket of the first append.
   */
  async append(
    call: StoreCall,
    place: Place,
    argsWith: (ticket: string) => string[],
    { begins, paid }: WriteOptions,
  ): Promise<Answer> {
    const together = await this.#together(call, WRITE, place, argsWith(''));
    if (together !== undefined) return together;
    const { owner } = place;
    for (;;) {
      const ticket = paid === undefined && !begins ? '' : await this.#register(call, place, paid);
      const answer = answerOf(await this.run(call, WRITE, place, argsWith(ticket)));
      const { word, values } = answer;
      const stored = word === 'stored' ? ticket : word === 'group' ? (values[2] ?? '') : '';
      const withdrawn = ticket === '' || stored === ticket ? [] : [ticket];
      if (stored !== '') await this.#owners.settle(call, owner, stored, withdrawn);
      // If this fails, whoever finds the ticket withdraws it.
      else if (withdrawn.length > 0)
        await this.#owners.settle(call, owner, '', withdrawn).catch(() => undefined);
      // Somebody thought that this writer was dead and withdrew the ticket: the append is tried again with a new one.
      if (word === 'void') continue;
      if (begins && word === 'stored') await this.#register(call, place);
      return answer;
    }
  }

  /** Adds a new session to the index, if its script could not. */
  async list(call: StoreCall, place: Place): Promise<void> {
    if (this.#split) await this.#register(call, place);
  }

  /** Removes deleted sessions from the index, if their scripts could not. */
  async unlist(call: StoreCall, owner: string, ids: readonly string[]): Promise<void> {
    if (this.#split && ids.length > 0) await this.#owners.unlist(call, owner, ids);
  }

  /** Runs something in the background. It may fail. */
  later(work: Promise<unknown>): void {
    const done = work.catch(() => undefined);
    this.#background.add(done);
    void done.then(() => this.#background.delete(done));
  }

  /** Waits for everything that runs in the background. */
  async idle(): Promise<void> {
    await Promise.all(this.#background);
  }

  /** Runs a script in one step with the data of the owner. Undefined in a cluster. */
  async #together(
    call: StoreCall,
    script: Script,
    place: Place,
    args: string[],
  ): Promise<Answer | undefined> {
    if (this.#split) return undefined;
    const { index, recent, spend } = this.#keys.owner(place.owner);
    try {
      const keys = [this.#keys.session(place), index, recent, spend];
      const answer = answerOf(await this.#server.run(call, script, { keys, args }));
      this.#tidy(place.owner, answer.others, []);
      return answer;
    } catch (error) {
      if (!isCrossSlot(error)) throw error;
      this.#split = true;
      return undefined;
    }
  }

  async #register(call: StoreCall, place: Place, paid?: PaidWrite): Promise<string> {
    const { ticket, others, old } = await this.#owners.register(call, place, paid);
    this.#tidy(place.owner, others, old);
    return ticket;
  }

  /** Expired sessions leave their ids in the index. Each new session checks two of them. */
  #tidy(owner: string, others: readonly string[], old: readonly string[]): void {
    if (others.length === 0 && old.length === 0) return;
    this.later(this.#server.call((call) => this.#owners.tidy(call, owner, others, old)));
  }
}
