import { SluiceError } from '../../src/index.ts';
import type { Message, ModelRequest } from '../../src/index.ts';
import { messagesFrom, systemOf, textKey, type Conversation, type Turn } from './conversation.ts';
import { countTokens, type Counter } from './counter.ts';

/** The size of a window. */
export interface Limits {
  /** Tokens of input. */
  tokens: number;
  /** Messages, not counting system messages. */
  messages: number;
}

/**
 * Weights are rough compared to a remote count, but not by more than this factor. What weighs more than this many times the limit cannot fit, and
 * is not sent to be counted.
 */
export const FIRST_LOOK = 4;

/** Finds how much of one conversation fits. Older messages than those are not weighed. */
export class Window {
  readonly conversation: Conversation;
  readonly counter: Counter;
  readonly limits: Limits;
  /** Tokens of the messages that were counted last. */
  tokens = 0;
  readonly #request: ModelRequest;
  readonly #rest: number;
  /** For each turn, the tokens of the system messages that stay from the turns before it. */
  readonly #systemBefore: number[] = [];

  constructor(request: ModelRequest, conversation: Conversation, counter: Counter, limits: Limits) {
    this.#request = request;
    this.conversation = conversation;
    this.counter = counter;
    this.limits = limits;
    this.#rest = counter.weighRest(request) + this.#sum(conversation.lead);
    this.#weighSystem(conversation);
  }

  /** The index of the newest turn, which is always sent. */
  get newest(): number {
    return Math.max(0, this.conversation.turns.length - 1);
  }

  /** The messages of a request that starts at turn `from`. `newest`: what is sent in place of the newest turn. */
  messages(from: number, inserted: readonly Message[] = [], newest?: Turn): Message[] {
    const { lead, turns, unpaired } = this.conversation;
    const all = newest === undefined ? turns : [...turns.slice(0, -1), newest];
    return messagesFrom({ lead, turns: all, unpaired }, from, inserted);
  }

  /** The tokens of a request with these messages. */
  async count(messages: readonly Message[]): Promise<number> {
    this.tokens = await countTokens(this.counter, { ...this.#request, messages });
    return this.tokens;
  }

  /**
   * The oldest turn, not before `first`, from which everything fits, with `inserted` in place of what is left out. Undefined if not even the newest
   * turn fits.
   */
  async oldestFitting(first: number, inserted: readonly Message[] = []): Promise<number | undefined> {
    const { remote } = this.counter;
    const { tokens: limit } = this.limits;
    const extra = this.#sum(inserted);
    let from = this.reach(first, limit * (remote === undefined ? 1 : FIRST_LOOK) - extra);
    for (;;) {
      const tokens = await this.count(this.messages(from, inserted));
      if (tokens <= limit) return from;
      if (from >= this.newest) return undefined;
      // The weights are rough. They are assumed to be wrong by the same factor for what is left.
      from = this.reach(from + 1, ((this.weigh(from) + extra) * limit) / tokens - extra);
    }
  }

  /** The oldest turn, not before `first`, from which the weights stay within `budget` and the messages within `most`; at most the newest. */
  reach(first: number, budget: number, most = this.limits.messages): number {
    const { turns } = this.conversation;
    let from = this.newest;
    let weight = this.#weighTurn(from);
    let messages = turns[from]?.spoken.length ?? 0;
    while (from > first) {
      weight += this.#weighTurn(from - 1);
      messages += turns[from - 1]?.spoken.length ?? 0;
      if (messages > most || weight + this.#fixed(from - 1) > budget) break;
      from--;
    }
    return Math.max(from, first);
  }

  /** The weight of a request that starts at turn `from`. */
  weigh(from: number): number {
    let weight = this.#fixed(from);
    for (let at = from; at < this.conversation.turns.length; at++) weight += this.#weighTurn(at);
    return weight;
  }

  /** The weight of what is always sent, without the newest turn. */
  get fixed(): number {
    return this.#fixed(this.newest);
  }

  /** The error of a conversation that is too long. */
  async overflow(what: string, messages: readonly Message[]): Promise<SluiceError> {
    const { tokens, messages: most } = this.limits;
    const spoken = messages.filter(({ role }) => role !== 'system').length;
    const room = Number.isFinite(most) ? `${tokens} tokens and ${most} messages` : `${tokens} tokens`;
    const said = `${spoken} ${spoken === 1 ? 'message' : 'messages'}`;
    const size = `${await this.count(messages)} tokens with the system prompt and tools, ${said}`;
    return new SluiceError(
      'context_length',
      `contextWindow: ${what} (${size}, counted by ${this.counter.name}) does not fit the window (${room}).`,
      { retryable: false },
    );
  }

  #fixed(from: number): number {
    return this.#rest + (this.#systemBefore[from] ?? 0);
  }

  #weighTurn(at: number): number {
    return this.#sum(this.conversation.turns[at]?.messages ?? []);
  }

  #sum(messages: readonly Message[]): number {
    return messages.reduce((sum, message) => sum + this.counter.weigh(message), 0);
  }

  #weighSystem({ lead, turns }: Conversation): void {
    const seen = new Set(lead.map(textKey));
    let weight = 0;
    for (const turn of turns) {
      this.#systemBefore.push(weight);
      for (const message of systemOf(turn)) {
        const text = textKey(message);
        if (!seen.has(text)) weight += this.counter.weigh(message);
        seen.add(text);
      }
    }
  }
}
