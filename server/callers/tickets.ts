import type { Caller } from './caller.ts';

/**
 * Keeps tickets for the time between their issue and their use. Give a store of several processes if the request with the ticket may come to another process than the one
 * that issued it.
 */
export interface TicketStore {
  /** Keeps a ticket for so long. */
  put(ticket: string, caller: Caller, ttlMs: number): Promise<void>;
  /** Whose ticket it is, and removes it in the same step; undefined: there is no such ticket, or it was used. */
  take(ticket: string): Promise<Caller | undefined>;
}

/** How long a ticket may wait for its use, in milliseconds. */
export const TICKET_TTL_MS = 30_000;

/** Tickets that wait in one process. More are refused by dropping the oldest. */
const MAX_TICKETS = 10_000;

/** Tickets in memory: for one process. */
export function memoryTickets(now: () => number = Date.now): TicketStore {
  const kept = new Map<string, { caller: Caller; until: number }>();
  const prune = (): void => {
    for (const [ticket, { until }] of kept) {
      if (until > now() && kept.size < MAX_TICKETS) return;
      kept.delete(ticket);
    }
  };
  return {
    put(ticket, caller, ttlMs) {
      prune();
      kept.set(ticket, { caller, until: now() + ttlMs });
      return Promise.resolve();
    },
    take(ticket) {
      const found = kept.get(ticket);
      kept.delete(ticket);
      return Promise.resolve(found !== undefined && found.until > now() ? found.caller : undefined);
    },
  };
}

/** A new ticket: 192 bits of chance. */
export function newTicket(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(24)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}
