import type { Script, Server, StoreCall } from '../../../stores/redis/shared.ts';
import type { StreamKey, UnownedOptions } from '../chunk-log.ts';
import { keyOfMember } from './keys.ts';
import type { LogKeys } from './keys.ts';
import { membersOf, wordOf } from './replies.ts';
import type { Members } from './replies.ts';
import { DUE, LOOK, MEMBERS, REGISTER, UNREGISTER } from './scripts.ts';

/** The most members that are looked at in one call. */
const PAGE = 500;
/** The most of the streams that run which are looked at in one call. */
const LOOKS = 200;

/**
 * The streams of an owner and of a session. In a cluster an index is on another node than the streams, so it may have members whose stream has ended or is gone: each open looks at
 * the two oldest members, and removes them if that is so.
 */
export class Indexes {
  readonly #server: Server;
  readonly #keys: LogKeys;
  readonly #background = new Set<Promise<unknown>>();

  constructor(server: Server, keys: LogKeys) {
    this.#server = server;
    this.#keys = keys;
  }

  /** Adds a stream to an index. */
  async register(call: StoreCall, index: string, member: string, isRunning = false): Promise<void> {
    const reply = await this.#server.run(call, REGISTER, { keys: [index], args: [member] });
    this.tidy(index, membersOf(reply), isRunning);
  }

  /** Removes those members in the background whose stream does not run; of the index of an owner, those whose stream is gone. */
  tidy(index: string, members: Members, isRunning = false): void {
    if (members.length < 2) return;
    this.later(() => this.#server.call((call) => this.#living(call, index, members, isRunning)));
  }

  /** The running streams of a session, the oldest first. */
  async running(call: StoreCall, index: string): Promise<string[]> {
    const living = await this.#all(call, index, (members) => this.#living(call, index, members, true));
    return living.map(({ member }) => keyOfMember(member).id);
  }

  /** All streams of an owner. */
  async of(call: StoreCall, index: string): Promise<{ key: StreamKey; member: string; time: string }[]> {
    const members = await this.#all(call, index, async (some) => some);
    return members.map(({ member, time }) => ({ key: keyOfMember(member), member, time }));
  }

  /** Streams without an owner, of those that run and that nobody has looked at for some seconds. Those that do not run any more are removed. */
  async unowned(call: StoreCall, index: string, { graceMs, most }: UnownedOptions): Promise<StreamKey[]> {
    const found: StreamKey[] = [];
    for (;;) {
      const reply = await this.#run(call, DUE, index, [String(Math.min(LOOKS, most - found.length))]);
      const due = membersOf(reply);
      if (due.length === 0) return found;
      const looks = await this.#looks(call, due, graceMs);
      await this.unregister(
        call,
        index,
        looks.filter(({ word }) => word === 'gone' || word === 'ended').map(({ one }) => one),
      );
      for (const { one, word } of looks) if (word === 'unowned') found.push(keyOfMember(one.member));
      if (found.length >= most) return found;
    }
  }

  /** Removes members whose times have not changed. */
  async unregister(call: StoreCall, index: string, members: Members): Promise<void> {
    if (members.length === 0) return;
    const args = members.flatMap(({ member, time }) => [member, time]);
    await this.#run(call, UNREGISTER, index, args);
  }

  /** Runs something in the background. It may fail. */
  later(work: () => Promise<unknown>): void {
    const done = work().catch(() => undefined);
    this.#background.add(done);
    void done.then(() => this.#background.delete(done));
  }

  /** Waits for everything that runs in the background. */
  async idle(): Promise<void> {
    await Promise.all(this.#background);
  }

  async #all(call: StoreCall, index: string, keep: (members: Members) => Promise<Members>): Promise<Members> {
    const all: Members = [];
    for (let from = 0; ;) {
      const reply = await this.#run(call, MEMBERS, index, [String(from), String(PAGE)]);
      const members = membersOf(reply);
      const kept = await keep(members);
      all.push(...kept);
      if (members.length < PAGE) return all;
      from += kept.length;
    }
  }

  /** The members whose stream is there, or runs. Those of the others are removed. */
  async #living(call: StoreCall, index: string, members: Members, isRunning: boolean): Promise<Members> {
    const words = await this.#looks(call, members, 0);
    const looks = words.map(({ one, word }) => ({
      one,
      isStale: word === 'gone' || (isRunning && word === 'ended'),
    }));
    await this.unregister(
      call,
      index,
      looks.filter(({ isStale }) => isStale).map(({ one }) => one),
    );
    return looks.filter(({ isStale }) => !isStale).map(({ one }) => one);
  }

  #looks(
    call: StoreCall,
    members: Members,
    graceMs: number,
  ): Promise<{ one: Members[number]; word: string }[]> {
    const args = [String(Math.ceil(graceMs))];
    return Promise.all(
      members.map(async (one) => {
        const keys = this.#keys.stream(keyOfMember(one.member));
        return { one, word: wordOf(await this.#server.run(call, LOOK, { keys, args })) };
      }),
    );
  }

  #run(call: StoreCall, script: Script, index: string, args: string[]): Promise<unknown> {
    return this.#server.run(call, script, { keys: [index], args });
  }
}
