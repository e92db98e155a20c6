import type { Place } from '../../src/index.ts';
import type { Keys } from './keys.ts';
import type { Owners, PaidWrite } from './owners.ts';
import { answerOf } from './replies.ts';
import type { Answer } from './replies.ts';
import { isCrossSlot } from './server.ts';
import type { Script, Server, StoreCall } from './server.ts';
import { WRITE } from './session-scripts.ts';

/** What a write to a session is beside its script. */
export interface WriteOptions {
  /** The session may begin with it. */
  begins: boolean;
  /** What it adds to the owner's sums. */
  paid?: PaidWrite | undefined;
}

/**
 * Runs scripts on sessions. One that also changes what belongs to the owner does so in the same step, unless the server is a cluster: then
 * what is the owner's comes in steps of its own (see {@link Owners}).
 */
export class Sessions {
  readonly #server: Server;
  readonly #keys: Keys;
  readonly #owners: Owners;
  /** Whether an owner's keys and a session's cannot be in one script. It is seen at the first that is refused. */
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
   * Runs a script that may change the index of the owner. In a cluster a session that begins goes into the index before it is there, so that no crash
   * leaves one that is not, and once more after it, as its owner may have been forgotten in between.
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
   * Appends. In a cluster the ticket that an append is stored with is closed after it, once: the first one's, where its turn was stored before.
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
      // Whoever meets it withdraws it else.
      else if (withdrawn.length > 0)
        await this.#owners.settle(call, owner, '', withdrawn).catch(() => undefined);
      // Somebody took this writer for dead and withdrew the ticket: the append has another try, under a new one.
      if (word === 'void') continue;
      if (begins && word === 'stored') await this.#register(call, place);
      return answer;
    }
  }

  /** Puts a session into the index that has begun, where its script could not. */
  async list(call: StoreCall, place: Place): Promise<void> {
    if (this.#split) await this.#register(call, place);
  }

  /** Takes deleted sessions out of the index, where their scripts could not. */
  async unlist(call: StoreCall, owner: string, ids: readonly string[]): Promise<void> {
    if (this.#split && ids.length > 0) await this.#owners.unlist(call, owner, ids);
  }

  /** Lets something go on that nobody waits for, and that may fail. */
  later(work: Promise<unknown>): void {
    const done = work.catch(() => undefined);
    this.#background.add(done);
    void done.then(() => this.#background.delete(done));
  }

  /** Waits for what nobody else does. */
  async idle(): Promise<void> {
    await Promise.all(this.#background);
  }

  /** In one step with what is the owner's; undefined in a cluster. */
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

  /** What expired leaves an id in the index: each session that begins looks after two. */
  #tidy(owner: string, others: readonly string[], old: readonly string[]): void {
    if (others.length === 0 && old.length === 0) return;
    this.later(this.#server.call((call) => this.#owners.tidy(call, owner, others, old)));
  }
}
