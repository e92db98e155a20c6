import { MemoryStore } from 'sluice';
import type { Message, SessionKey } from 'sluice';
import { leaseOver } from '../support/forwarding-store.ts';
import { repairWarning, repaired as repair } from '../../src/session/repair.ts';

type Verb = 'load' | 'turn' | 'append' | 'lease' | 'renew' | 'release';
/** What a method does instead of its work: fails, or waits first. */
type Trouble = Error | Promise<unknown>;

/** A store in memory that records its calls, and fails when a test says so. */
export class TroubledStore extends MemoryStore {
  readonly log: string[] = [];
  readonly #troubles: { verb: Verb; trouble: Trouble; left: number }[] = [];

  /** Makes the next `times` calls of a method fail or wait. */
  trouble(verb: Verb, trouble: Trouble, times = 1): void {
    this.#troubles.push({ verb, trouble, left: times });
  }

  /** How often a verb was called. */
  count(verb: string): number {
    return this.log.filter((line) => line.split(' ')[0] === verb).length;
  }

  override async load(...given: Parameters<MemoryStore['load']>): ReturnType<MemoryStore['load']> {
    await this.#meet('load', JSON.stringify(given[1] ?? {}));
    return super.load(...given);
  }

  override async turn(...given: Parameters<MemoryStore['turn']>): ReturnType<MemoryStore['turn']> {
    await this.#meet('turn', given[1]);
    return super.turn(...given);
  }

  override async append(...given: Parameters<MemoryStore['append']>): Promise<number> {
    await this.#meet('append', given[2].turnId.replace(/^[0-9a-f-]{36}/, 'random'));
    return super.append(...given);
  }

  override async lease(...given: Parameters<MemoryStore['lease']>): ReturnType<MemoryStore['lease']> {
    await this.#meet('lease', given[2]?.takeOver === true ? 'takeOver' : '');
    const lease = await super.lease(...given);
    return leaseOver(lease, {
      renew: async (ttlMs) => {
        await this.#meet('renew', `${ttlMs}`);
        await lease.renew(ttlMs);
      },
      release: async () => {
        await this.#meet('release', '');
        await lease.release();
      },
    });
  }

  async #meet(verb: Verb, with_: string): Promise<void> {
    this.log.push(`${verb} ${with_}`.trim());
    const next = this.#troubles.find((one) => one.verb === verb && one.left > 0);
    if (next === undefined) return;
    next.left--;
    if (next.trouble instanceof Error) throw next.trouble;
    await next.trouble;
  }
}

/** The messages of a session, one per line. */
export async function linesOf(store: MemoryStore, key: SessionKey = 's'): Promise<string[]> {
  return ((await store.load(key))?.messages ?? []).map(lineOf);
}

/** Role and content, and a star if the message is partial. */
export function lineOf({ role, content, partial }: Message): string {
  const text =
    typeof content === 'string'
      ? content
      : content.map((part) => ('text' in part ? part.text : part.type)).join('+');
  return `${role}: ${text}${partial === true ? ' *' : ''}`;
}

/** Two stores over the same sessions, as in two processes. */
export function processes(): [MemoryStore, MemoryStore] {
  const store = new MemoryStore();
  const other = new Proxy(store, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
  return [store, other];
}

/** Repaired messages, and the warning about them. */
export function repaired(...given: Parameters<typeof repair>): {
  messages: Message[];
  warning: string | undefined;
} {
  const { messages, faults } = repair(...given);
  return { messages, warning: repairWarning(faults) };
}
