import type { ExecutionContext, Message, Next } from '../../src/index.ts';
import type { WindowCut, WindowSettings } from './options.ts';
import type { Window } from './window.ts';

/** One run of the middleware. */
export interface Run {
  readonly context: ExecutionContext;
  readonly next: Next;
  readonly settings: WindowSettings;
  readonly window: Window;
}

/** What is sent instead of the whole conversation. */
export interface Fitted {
  readonly messages: readonly Message[];
  /** False if nothing was left out. */
  readonly cut: boolean;
  readonly keptTurns: number;
  readonly summary: WindowCut['summary'];
}

/** The turns from `from` on, with `inserted` in place of the others. */
export function fittedFrom(
  window: Window,
  from: number,
  inserted: readonly Message[] = [],
  summary: WindowCut['summary'] = 'none',
): Fitted {
  return {
    messages: window.messages(from, inserted),
    cut: from > 0 || inserted.length > 0,
    keptTurns: window.conversation.turns.length - from,
    summary,
  };
}

/** As many of the newest turns as fit. Throws `context_length` if not even the newest one does. */
export async function dropOldest(window: Window): Promise<Fitted> {
  const from = await window.oldestFitting(0);
  if (from === undefined) throw await tooLong(window);
  return fittedFrom(window, from);
}

/** The error if the newest turn alone does not fit. */
export async function tooLong(window: Window): Promise<Error> {
  return window.overflow('the newest turn alone', window.messages(window.newest));
}
