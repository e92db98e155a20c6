import { between, oneOf, randomOf } from '../random.ts';

/** The tools that turns call. `pay` has to be approved; `nothing` does not exist. */
export type PlannedTool = 'add' | 'send' | 'alone' | 'fails' | 'pay' | 'nothing';

/** A call that the model makes. */
export interface PlannedCall {
  tool: PlannedTool;
  arguments: { ms: number | string };
}

const TOOLS: readonly PlannedTool[] = [
  'add',
  'add',
  'add',
  'send',
  'send',
  'send',
  'alone',
  'fails',
  'pay',
  'pay',
  'nothing',
];

/** The calls of a turn, round by round. Its id decides, so that every process makes the same. */
export function planOf(turn: string): PlannedCall[][] {
  const random = randomOf(numberOf(turn));
  const rounds = random() < 0.05 ? 0 : Math.ceil(between(random, 0, 3));
  return Array.from({ length: rounds }, () =>
    Array.from({ length: Math.ceil(between(random, 0, 5)) }, () => {
      const ms = random() < 0.1 ? between(random, 30, 80) : between(random, 0, 30);
      return { tool: oneOf(random, TOOLS), arguments: { ms: random() < 0.05 ? 'wrong' : Math.floor(ms) } };
    }),
  );
}

/** Whether running a tool twice does no harm. */
export const isIdempotent = (tool: PlannedTool): boolean => tool === 'add';

/** What a tool returns. */
export const doneText = (callId: string): string => `done ${callId}`;

/** The text of the model in a round; of its answer, if all rounds are over. */
export const roundText = (turn: string, round: number): string => `${turn} says ${round}. `;

/** How many calls of a turn run at the same time. */
export const MAX_PARALLEL = 3;

/** The price of a token: a power of two, so that sums are exact. */
export const USD_PER_TOKEN = 1 / 1_024;

/** What a round uses, in tokens. */
export const tokensOf = (round: number): { input: number; output: number } => ({
  input: 3 + round,
  output: 2,
});

/** What a result says became of its call. */
export type Told = 'done' | 'failed' | 'unknown' | 'denied' | 'notRun';

/** What a result tells the model; undefined if nobody gives such a result. */
export function toldBy(callId: string, text: string): Told | undefined {
  if (text === doneText(callId)) return 'done';
  if (text.includes('may have taken effect')) return 'unknown';
  if (text.startsWith('The call was denied')) return 'denied';
  if (text.includes('was not run')) return 'notRun';
  if (/^(The tool failed: broken|The arguments are wrong|There is no tool "nothing")/.test(text))
    return 'failed';
  return undefined;
}

function numberOf(text: string): number {
  let hash = 0;
  for (const char of text) hash = (Math.imul(hash, 31) + (char.codePointAt(0) ?? 0)) | 0;
  return hash;
}
