import { dropOldest, fittedFrom, tooLong, type Fitted, type Run } from './fitted.ts';
import { shortenedTurn } from './newest-turn.ts';
import { keepSummary, knownSummary, summaryTurn, type KnownSummary } from './stored.ts';
import { writeSummary } from './write-summary.ts';

/** The default size of a summary. */
const SHARE_OF_WINDOW = 8;
const LARGEST_SUMMARY = 1_000;

/**
 * Replaces the turns that do not fit with a summary. A known summary is used as long as what follows it fits. After that the model extends it by
 * so many turns that half of the window is free again. So there is a call every few turns, not at every turn.
 */
export async function summarize(run: Run): Promise<Fitted> {
  const { context, window, settings } = run;
  const { tokens: limit } = window.limits;
  const known = knownSummary(context, window.conversation);
  if (known?.beyond !== true && (await window.oldestFitting(0)) === 0) return fittedFrom(window, 0);
  if (known !== undefined) {
    const turn = summaryTurn(known.stored.text);
    if ((await window.oldestFitting(known.until, turn)) === known.until)
      return fittedFrom(window, known.until, turn, 'reused');
  }
  const newest = await window.count(window.messages(window.newest));
  if (newest > limit) return lastRounds(run, known);
  const room = settings.summary?.maxTokens ?? Math.min(LARGEST_SUMMARY, Math.floor(limit / SHARE_OF_WINDOW));
  if (newest + room > limit) return withoutMore(run, known, 'there is no room for one');

  const from = known?.until ?? 0;
  const until = nextUntil(run, from, room, newest);
  const turns = window.conversation.turns.slice(from, until);
  const written = await writeSummary(run, turns, known?.stored.text, room);
  if ('none' in written) return withoutMore(run, known, written.none);
  const { text } = written;
  keepSummary(context, window.conversation, text, until, known);
  const turn = summaryTurn(text);
  const fits = await window.oldestFitting(until, turn);
  return fits === undefined
    ? withoutMore(run, undefined, 'it did not fit')
    : fittedFrom(window, fits, turn, 'made');
}

/** Where the next summary ends: the turns that stay take at most half of the free space, and at least one turn is summarized. */
function nextUntil({ window, settings }: Run, from: number, room: number, newest: number): number {
  // Weights are rough compared to a remote count. For the newest turn both are known.
  const scale = window.weigh(window.newest) / Math.max(newest, 1);
  const free = (window.limits.tokens - room) * scale - window.fixed;
  const until = window.reach(from, window.fixed + free / 2, Math.ceil(settings.maxMessages / 2));
  return Math.min(Math.max(until, from + 1), window.newest);
}

/** The last rounds of a newest turn that alone does not fit, after the known summary if there is room for both. */
async function lastRounds({ window }: Run, known: KnownSummary | undefined): Promise<Fitted> {
  const withSummary = known && (await shortenedTurn(window, summaryTurn(known.stored.text), 'reused'));
  const shortened = withSummary ?? (await shortenedTurn(window));
  if (shortened === undefined) throw await tooLong(window);
  return shortened;
}

/** Uses the known summary, or none. The turns that it does not contain are left out. */
async function withoutMore(run: Run, known: KnownSummary | undefined, why: string): Promise<Fitted> {
  const { context, window } = run;
  context.warn(`contextWindow: older turns were left out without a summary: ${why}.`);
  if (known !== undefined) {
    const turn = summaryTurn(known.stored.text);
    const from = await window.oldestFitting(known.until, turn);
    if (from !== undefined) return fittedFrom(window, from, turn, 'reused');
  }
  return dropOldest(window);
}
