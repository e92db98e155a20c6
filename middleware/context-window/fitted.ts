import type { ExecutionContext, Message, Next } from '../../src/index.ts';
import type { WindowCut, WindowSettings } from './options.ts';
import { shortenedTurn } from './newest-turn.ts';
import { roundStarts, turnFrom } from './rounds.ts';
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
  /** How many turns are sent whole. */
  readonly keptTurns: number;
  /** How many rounds of the newest turn were left out. */
  readonly droppedRounds: number;
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
    droppedRounds: 0,
    summary,
  };
}

/** As many of the newest turns as fit, or of the newest one's last rounds. Throws `context_length` if not even the last round does. */
export async function dropOldest(window: Window): Promise<Fitted> {
  const from = await window.oldestFitting(0);
  if (from !== undefined) return fittedFrom(window, from);
  const shortened = await shortenedTurn(window);
  if (shortened === undefined) throw await tooLong(window);
  return shortened;
}

/** The error if not even the last round of the newest turn fits. */
export async function tooLong(window: Window): Promise<Error> {
  const turn = window.conversation.turns[window.newest];
  const starts = turn === undefined ? [] : roundStarts(turn);
  if (turn === undefined || starts.length < 2)
    return window.overflow('the newest turn alone', window.messages(window.newest));
  const least = turnFrom(turn, starts, starts.length - 1);
  return window.overflow(
    'the newest turn alone, with its last round',
    window.messages(window.newest, [], least),
  );
}
