import * as z from 'zod';
import { giveBack, takeClient } from '../../../stores/postgres/shared.ts';
import type { PostgresClient, PostgresPool } from '../../../stores/postgres/shared.ts';
import type { HintChannel, Hints } from '../hints.ts';
import { plainText } from './plain-text.ts';

/** What a hint is for. `ready` is a process's own, by which it sees that hints arrive. */
type Told = 'chunks' | 'stop' | 'ready';

/** What a hint says: for what it is, and the stream, as texts that the database can hold. */
const payloadSchema = z.tuple([z.enum(['chunks', 'stop', 'ready']), z.string(), z.string()]);

/** The payload of a hint. It is at most about 6,200 bytes, and PostgreSQL allows 8,000. */
export function payloadOf(what: Told, owner: string, id: string): string {
  return JSON.stringify([what, owner, id]);
}

/** The events of a connection of `pg` besides `error`. */
interface Notified {
  on(event: 'notification', listener: (message: { payload?: string }) => void): unknown;
  on(event: 'error' | 'end', listener: () => void): unknown;
}

/**
 * Receives the hints of one process, on a connection of the pool that it keeps while the log is open. A pooler in between may accept the LISTEN and deliver nothing, so the channel counts as
 * working only after a hint of its own has come back.
 */
export class Listener implements HintChannel {
  readonly #pool: PostgresPool;
  readonly #channel: string;
  readonly #hints: () => Hints;
  readonly #send: (payload: string) => Promise<unknown>;
  #client: PostgresClient | undefined;
  #isOpening = false;
  #isClosed = false;

  /** `send` sends a hint to this process. */
  constructor(
    pool: PostgresPool,
    process: string,
    hints: () => Hints,
    send: (payload: string) => Promise<unknown>,
  ) {
    this.#pool = pool;
    this.#channel = `"sluice_${process}"`;
    this.#hints = hints;
    this.#send = send;
  }

  open(): void {
    if (this.#client === undefined && !this.#isOpening && !this.#isClosed) void this.#open();
  }

  close(): void {
    this.#isClosed = true;
    this.#leave(this.#client);
  }

  async #open(): Promise<void> {
    this.#isOpening = true;
    let client: PostgresClient | undefined;
    try {
      client = await takeClient(this.#pool);
      this.#client = client;
      this.#hear(client);
      await client.query({ text: `LISTEN ${this.#channel}`, values: [] });
      if (this.#isClosed) this.#leave(client);
      else await this.#send(payloadOf('ready', '', ''));
    } catch {
      // The next poll tries again.
      this.#leave(client);
    } finally {
      this.#isOpening = false;
    }
  }

  #hear(client: PostgresClient): void {
    if (!canNotify(client)) return;
    client.on('notification', ({ payload = '' }) => {
      if (client === this.#client) this.#receive(payload);
    });
    for (const event of ['error', 'end'] as const) client.on(event, () => this.#leave(client));
  }

  #receive(payload: string): void {
    const [what, owner, id] = parsed(payload);
    if (what === 'ready') this.#hints().up();
    else this.#hints().watchers.wake({ owner: plainText(owner), id: plainText(id) }, what);
  }

  /** Gives a connection up. It is closed, so that nobody gets one that still listens. */
  #leave(client: PostgresClient | undefined): void {
    if (client === undefined || client !== this.#client) return;
    this.#client = undefined;
    giveBack(client, true);
    this.#hints().down();
  }
}

function canNotify(client: PostgresClient): client is PostgresClient & Notified {
  return typeof client.on === 'function';
}

function parsed(payload: string): z.output<typeof payloadSchema> {
  return payloadSchema.parse(JSON.parse(payload));
}
