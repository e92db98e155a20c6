import * as z from 'zod';
import type { Caller } from '../caller.ts';
import { callerFields } from '../caller-fields.ts';
import type { TicketStore } from '../tickets.ts';
import { RedisCalls } from './redis-calls.ts';
import type { RedisCallersSettings } from './redis-calls.ts';
import { PUT, TAKE } from './scripts.ts';

const callerSchema: z.ZodType<Caller> = z.looseObject(callerFields);

/** Tickets in Redis, under the hashes of their texts: whoever reads the keys has no ticket. */
export class RedisTickets implements TicketStore {
  readonly #calls: RedisCalls;
  readonly #prefix: string;

  constructor(settings: RedisCallersSettings) {
    this.#calls = new RedisCalls(settings, 'ticket store');
    this.#prefix = settings.prefix;
  }

  async put(ticket: string, caller: Caller, ttlMs: number): Promise<void> {
    const args = [JSON.stringify(caller), String(Math.ceil(ttlMs))];
    await this.#calls.run('put', PUT, [await this.#key(ticket)], args);
  }

  async take(ticket: string): Promise<Caller | undefined> {
    const text = await this.#calls.run('take', TAKE, [await this.#key(ticket)], []);
    if (typeof text !== 'string') return undefined;
    const caller = callerSchema.safeParse(jsonOf(text));
    if (caller.success) return caller.data;
    throw this.#calls.unreadable('take');
  }

  async #key(ticket: string): Promise<string> {
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(ticket)));
    const hash = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
    return `${this.#prefix}:ticket:${hash}`;
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
