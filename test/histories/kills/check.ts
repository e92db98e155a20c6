import { isDeepStrictEqual } from 'node:util';
import { sumUsage } from '../../../src/index.ts';
import type { Spend } from '../../../src/index.ts';
import { waysOf } from '../kept-turns.ts';
import { inputFault, textIn } from '../stamp.ts';
import { USD_PER_TOKEN, isIdempotent, planOf, roundText, toldBy } from './plan.ts';
import { resultsIn, saidIn } from './step-word.ts';
import { decisionsOn, isUndisturbed, messagesOf, storiesOf, toolOf } from './story.ts';
import type { Kept, KeptSession, Story } from './story.ts';
import { ranKey } from './tools.ts';

/** All violations of the rules, one sentence each. An empty list means that the history is correct. */
export function violationsOf(kept: Kept): string[] {
  const stories = storiesOf(kept);
  const found = kept.lines.flatMap((line) =>
    line.what === 'violation' && line.turn === '' ? [line.text] : [],
  );
  for (const story of stories) {
    const faults = [
      ...story.violations,
      ...stepFaults(story),
      ...toolFaults(story),
      ...decisionFaults(story),
      ...historyFaults(story),
      ...moneyFaults(story),
    ];
    found.push(...faults.map((text) => `${story.turn}: ${text}`));
  }
  for (const session of kept.sessions) {
    const own = stories.filter((story) => story.session === session.state.id);
    found.push(...sessionFaults(session, own).map((text) => `session ${session.state.id}: ${text}`));
  }
  return [...found, ...ownerFaults(kept)];
}

/** Whether what was acknowledged is found by all who look later, and what is stored once stays as it is. */
function stepFaults(story: Story): string[] {
  const { acked, reads } = story;
  const found: string[] = [];
  const byNumber = new Map<number, (typeof acked)[number]>();
  for (const one of acked) {
    const known = byNumber.get(one.n);
    if (known !== undefined && !isDeepStrictEqual(known.step, one.step))
      found.push(`step ${one.n} was acknowledged twice, with different contents`);
    byNumber.set(one.n, known ?? one);
  }
  for (const read of reads) {
    if (foundNone(story, read)) continue;
    for (const { n, step, at } of byNumber.values()) {
      const there = read.steps[n];
      if (
        at < read.at
          ? !isDeepStrictEqual(there, step)
          : there !== undefined && !isDeepStrictEqual(there, step)
      )
        found.push(`step ${n} was acknowledged, but ${read.run} finds ${JSON.stringify(there)}`);
    }
  }
  return found;
}

/** Whether a run has found no step because its session was taken over and the turn ended since. Such a run stores nothing. */
function foundNone({ acked, runs, end }: Story, { run, steps }: Story['reads'][number]): boolean {
  const isOver = end !== undefined && steps.length === 0;
  return (
    isOver &&
    !acked.some((one) => one.run === run) &&
    !runs.some((one) => one.run === run && one.came === 'completed')
  );
}

/** Whether tools ran only when they might, and no more often. */
function toolFaults(story: Story): string[] {
  const { turn, started, endedAt } = story;
  const found: string[] = [];
  const results = new Map<string, Story['acked'][number]>();
  for (const one of story.acked)
    if (one.step.kind === 'result' && !results.has(one.step.call)) results.set(one.step.call, one);
  const runs = new Map<string, number>();
  for (const { call, tool, at, run } of started) {
    const count = (runs.get(call) ?? 0) + 1;
    runs.set(call, count);
    const planned = toolOf(turn, call);
    if (planned !== tool) found.push(`${call} runs ${tool}, but the model called ${planned ?? 'nothing'}`);
    if (count > 1 && planned !== undefined && planned !== 'pay' && !isIdempotent(planned))
      found.push(`${call} of ${tool}, which is not idempotent, ran twice`);
    const result = results.get(call);
    if (result !== undefined && at > result.at) {
      const ms = ((at - result.at) / 1e6).toFixed(1);
      found.push(
        `${call} ran again after its result was stored: ${run} began it ${ms} ms after ${result.run}`,
      );
    }
    if (at > (endedAt ?? Infinity)) found.push(`${call} began after the end of the turn`);
    if (!isBegun(story, call, at, run)) found.push(`${call} began before that was stored`);
  }
  return found;
}

/** Whether the run had stored before that the call begins, also if it begins again: a run that has lost its session is refused then. */
function isBegun({ acked }: Story, call: string, before: number, run: string): boolean {
  return acked.some(
    ({ step, ...one }) =>
      one.run === run &&
      one.at < before &&
      ((step.kind === 'reply' && step.begun.includes(call)) ||
        (step.kind === 'started' && step.call === call)),
  );
}

/** Whether calls that have to be approved ran once for each approval, and decisions were refused only if another one had come first. */
function decisionFaults(story: Story): string[] {
  const found: string[] = [];
  const used = new Set<string>();
  for (const { call, tool, by = '' } of story.started) {
    if (tool !== 'pay') continue;
    const decision = decisionsOn(story, call).find((one) => one.by === by);
    if (decision?.approves !== true) found.push(`${call} of pay ran, and ${by} had not approved it`);
    if (used.has(`${call} ${by}`)) found.push(`${call} ran twice for the approval ${by}`);
    used.add(`${call} ${by}`);
  }
  for (const { came, decisions } of story.runs) {
    if (decisions === undefined) continue;
    const isOther = decisions.calls.some((call) =>
      decisionsOn(story, call).some(({ by }) => by !== decisions.by),
    );
    // A call is withdrawn at the end of a turn that another one has settled.
    const may =
      came === 'failed: conflict'
        ? isOther
        : came !== 'failed: invalid_request' || isOther || story.end !== undefined;
    if (!may) found.push(`the decision ${decisions.by} ${came}, but nobody else has decided`);
  }
  return found;
}

/** What a run may fail with if its store fails, or another run takes its session. */
const MAY_FAIL: ReadonlySet<string> = new Set(['store', 'lease_lost', 'session_busy', 'aborted']);

/** Whether the messages at the end of a turn say what has happened. */
function historyFaults(story: Story): string[] {
  const { turn, end, acked, finished, started } = story;
  const found: string[] = [];
  for (const { came, content, decisions } of story.runs) {
    const [, code] = /^failed: (.*)$/.exec(came) ?? [];
    const isRefused = decisions !== undefined && (code === 'conflict' || code === 'invalid_request');
    if (code !== undefined && !MAY_FAIL.has(code) && !isRefused) found.push(`a run failed with ${code}`);
    if (came === 'completed' && content !== answerOf(turn)) found.push(`its answer is ${String(content)}`);
    if (came === 'completed' && end?.end?.outcome !== 'completed')
      found.push('it was acknowledged, but its end is lost');
  }
  if (end === undefined) return found;
  const isWhole = end.end?.outcome === 'completed';
  if (!isWhole && end.end?.reason !== 'abandoned') found.push(`it has ended ${end.end?.outcome ?? ''}`);
  const messages = messagesOf(story);
  const said = messages.filter(({ role }) => role === 'assistant').map(saidIn);
  const results = new Map(resultsIn(messages));
  const texts = messages.filter(({ role }) => role === 'assistant').map(textIn);
  if (isWhole && texts.join('') !== answerOf(turn)) found.push('the stored answer is not whole');
  for (const { step } of acked) {
    if (step.kind === 'reply' && said[step.round] !== step.said)
      found.push(`the reply of round ${step.round} was acknowledged, and is lost`);
    if (step.kind === 'result' && results.get(step.call) !== step.said)
      found.push(
        `the result of ${step.call} was acknowledged, but ${String(results.get(step.call))} is stored`,
      );
  }
  const ran = new Set(started.map(({ call }) => call));
  for (const [call, text] of results) {
    const tool = toolOf(turn, call);
    const fault = toldFault();
    if (fault !== undefined) found.push(`${call} (${tool ?? 'no tool'}) ${fault}: ${text}`);
    function toldFault(): string | undefined {
      switch (toldBy(call, text)) {
        case 'done':
          return finished.has(call) ? undefined : 'never finished';
        case 'failed':
          return ran.has(call) === finished.has(call) ? undefined : 'never finished';
        case 'unknown':
          if (isUndisturbed(story)) return 'is unknown, although nothing happened';
          return isWhole && tool === 'add' ? 'is idempotent and was not run again' : undefined;
        case 'denied':
          return ran.has(call) ? 'has run' : undefined;
        case 'notRun':
          if (isWhole) return 'was not run, although the turn is whole';
          return ran.has(call) ? 'has run' : undefined;
        case undefined:
          return 'has a result that nobody gave';
      }
    }
  }
  return found;
}

function answerOf(turn: string): string {
  return Array.from({ length: planOf(turn).length + 1 }, (_, round) => roundText(turn, round)).join('');
}

/** Whether a turn has no more than its model has used, and all of it if nothing has happened. */
function moneyFaults(story: Story): string[] {
  const found: string[] = [];
  const { replies, issued, end } = story;
  const usage = sumUsage(replies.map((reply) => reply.end?.usage));
  if (usage.totalTokens > issued) found.push(`counts ${usage.totalTokens} tokens of ${issued}`);
  if (end === undefined) return found;
  for (const { end: one } of replies)
    if (one !== undefined && one.cost.totalUsd !== one.usage.totalTokens * USD_PER_TOKEN)
      found.push(`${one.usage.totalTokens} tokens cost ${String(one.cost.totalUsd)}`);
  if (isUndisturbed(story) && usage.totalTokens !== issued)
    found.push(`counts ${usage.totalTokens} tokens of ${issued}, although nothing happened`);
  if (isUndisturbed(story) && usage.estimated === true)
    found.push('is called an estimate, although nothing happened');
  if (hasVisiblyDied(story) && end.end?.usage.estimated !== true)
    found.push('is called exact, although a run has died after it had recorded steps');
  return found;
}

/** Whether a run has died after it had recorded steps, and another one has found them. */
function hasVisiblyDied({ runs, acked, reads }: Story): boolean {
  return runs.some(({ run, came }) => {
    const last = acked.findLast((one) => one.run === run);
    // A turn that waits is at rest.
    if (came !== 'died' || last === undefined || isWait(last.step)) return false;
    return reads.some((read) => read.run !== run && read.at > last.at && read.steps.length === last.n + 1);
  });
}

const isWait = (step: Story['acked'][number]['step']): boolean =>
  step.kind === 'other' && step.said === 'wait';

function sessionFaults({ state, turns, steps }: KeptSession, stories: readonly Story[]): string[] {
  const found: string[] = [];
  const fault = inputFault(state.messages);
  if (fault !== undefined) found.push(`what is loaded is not valid input: ${fault}`);
  const ordered = turns.toSorted((a, b) => a.version - b.version);
  if (!isDeepStrictEqual(state.messages, waysOf(ordered).at(-1) ?? []))
    found.push('its messages are not those of its appends, in their order');
  const open = sumUsage(steps.map(({ spent }) => spent?.usage)).totalTokens;
  const ends = turns.flatMap(({ end }) => end ?? []);
  const stored = sumUsage(ends.map(({ usage }) => usage)).totalTokens + open;
  const { totalTokens } = state.usage;
  if (totalTokens !== stored) found.push(`counts ${totalTokens} tokens, but its turns have ${stored}`);
  if (state.cost.totalUsd !== totalTokens * USD_PER_TOKEN)
    found.push(`${totalTokens} tokens cost ${String(state.cost.totalUsd)}`);
  if (state.turns !== ends.length) found.push(`counts ${state.turns} turns, but ${ends.length} have ended`);
  for (const story of stories)
    for (const { step } of story.acked)
      if (
        step.kind === 'result' &&
        toolOf(story.turn, step.call) === 'add' &&
        toldBy(step.call, step.said) === 'done'
      )
        if (state.metadata[ranKey(step.call)] !== true)
          found.push(`the value that ${step.call} has set is lost`);
  return found;
}

function ownerFaults({ sessions, spend }: Kept): string[] {
  const tokens = sessions.reduce((sum, { state }) => sum + state.usage.totalTokens, 0);
  const turns = sessions.reduce((sum, { state }) => sum + state.turns, 0);
  const has = (one: Spend): string => `${one.usage.totalTokens} tokens, ${one.turns} turns`;
  return spend.usage.totalTokens === tokens && spend.turns === turns
    ? []
    : [`the owner has ${has(spend)}, and the sessions have ${tokens} tokens, ${turns} turns`];
}
