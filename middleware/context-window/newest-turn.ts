import type { Message } from '../../src/index.ts';
import type { Fitted } from './fitted.ts';
import type { WindowCut } from './options.ts';
import { roundStarts, saidOutside, turnFrom } from './rounds.ts';
import { FIRST_LOOK, type Window } from './window.ts';

/**
 * The newest turn without its oldest rounds, as few as possible, with `inserted` in place of the turns before it. For a newest turn that alone
 * does not fit. Undefined if not even its last round does.
 */
export async function shortenedTurn(
  window: Window,
  inserted: readonly Message[] = [],
  summary: WindowCut['summary'] = 'none',
): Promise<Fitted | undefined> {
  const { counter, limits, newest, conversation } = window;
  const turn = conversation.turns[newest];
  if (turn === undefined) return undefined;
  const starts = roundStarts(turn);
  const last = starts.length - 1;
  const weighAll = (messages: readonly Message[]): number =>
    messages.reduce((sum, message) => sum + counter.weigh(message), 0);
  const fixed = window.fixed + weighAll(inserted);
  /** The first round, not before `first`, from which the weights stay within a budget; at most the last. */
  const reach = (first: number, budget: number): number => {
    let weight = fixed + weighAll(turnFrom(turn, starts, last).messages);
    let from = last;
    while (from > first) {
      // What the user said in the round is weighed already: it is always sent.
      const round = turn.messages.slice(starts[from - 1], starts[from]);
      weight += weighAll(round) - weighAll(round.flatMap(saidOutside));
      if (weight > budget) break;
      from--;
    }
    return from;
  };
  let budget = limits.tokens * (counter.remote === undefined ? 1 : FIRST_LOOK);
  for (let first = 1; first <= last;) {
    const from = reach(first, budget);
    const kept = turnFrom(turn, starts, from);
    const messages = window.messages(newest, inserted, kept);
    const tokens = await window.count(messages);
    if (tokens <= limits.tokens) return { messages, cut: true, keptTurns: 0, droppedRounds: from, summary };
    // The weights are rough. They are assumed to be wrong by the same factor for what is left.
    budget = ((fixed + weighAll(kept.messages)) * limits.tokens) / tokens;
    first = from + 1;
  }
  return undefined;
}
