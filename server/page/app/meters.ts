import { el, setText } from './dom.ts';
import { count, duration, price } from './format.ts';
import type { ExecutionChunk, ExecutionResult } from './types.ts';

/** The time over which the pace of chunks is measured, in milliseconds. */
const WINDOW_MS = 1_000;
/** The shortest time from the first chunk to the end that a pace is told of, in milliseconds. */
const LEAST_MS = 50;
/** How many bars the picture of the pace has. */
const BARS = 72;

const NAMES = {
  first: 'First chunk',
  elapsed: 'Time',
  pace: 'Chunks/s',
  chunks: 'Chunks',
  input: 'Tokens in',
  output: 'Tokens out',
  cost: 'Cost',
} as const;

type Name = keyof typeof NAMES;

/** What is counted of one turn. */
export class Counted {
  readonly startedAt: number;
  firstAt: number | undefined;
  endedAt: number | undefined;
  readonly times: number[] = [];
  characters = 0;
  result: ExecutionResult | undefined;

  constructor(now: number) {
    this.startedAt = now;
  }

  add(chunk: ExecutionChunk, now: number): void {
    if (chunk.type === 'done') {
      this.result = chunk.result;
      return;
    }
    this.firstAt ??= now;
    this.times.push(now);
    if (chunk.type === 'content' || chunk.type === 'thinking') this.characters += chunk.content.length;
  }

  end(now: number): void {
    this.endedAt ??= now;
  }
}

/** What a turn costs and how fast it is, while it runs. */
export class Meters {
  readonly #values: Readonly<Record<Name, HTMLElement>>;
  readonly #spark = el('div', { class: 'spark', 'aria-hidden': 'true', hidden: true });
  readonly #model: HTMLElement;

  constructor(list: HTMLElement, model: HTMLElement) {
    this.#model = model;
    const value = (name: Name): HTMLElement => {
      const element = el('dd', { text: '–', 'data-meter': name });
      const box = el('div', { class: `meter ${name}` }, el('dt', { text: NAMES[name] }), element);
      list.append(box);
      return element;
    };
    this.#values = {
      ...{ first: value('first'), elapsed: value('elapsed'), pace: value('pace'), chunks: value('chunks') },
      ...{ input: value('input'), output: value('output'), cost: value('cost') },
    };
    list.after(this.#spark);
    this.#spark.append(...Array.from({ length: BARS }, () => el('i')));
  }

  show(turn: Counted | undefined, now: number): void {
    const { first, elapsed, pace, chunks, input, output, cost } = this.#values;
    this.#spark.hidden = turn === undefined || turn.times.length === 0;
    setText(this.#model, turn?.result?.model ?? '');
    if (turn === undefined) {
      for (const value of Object.values(this.#values)) setText(value, '–');
      return;
    }
    const { startedAt, firstAt, endedAt, times, characters, result } = turn;
    const until = endedAt ?? now;
    setText(first, firstAt === undefined ? '–' : duration(firstAt - startedAt));
    setText(elapsed, duration(until - startedAt));
    setText(chunks, count(times.length));
    setText(pace, paceOf(turn, now));
    const usage = result?.usage;
    const about = usage?.estimated === true ? '≈ ' : '';
    setText(input, usage === undefined ? '–' : `${about}${count(usage.inputTokens)}`);
    // Until the model says how many there are: four characters are about one token.
    const guess = characters === 0 ? '–' : `≈ ${count(Math.ceil(characters / 4))}`;
    setText(output, usage === undefined ? guess : `${about}${count(usage.outputTokens)}`);
    setText(cost, result === undefined ? '–' : price(result.cost));
    this.#showSpark(turn, until);
  }

  #showSpark({ startedAt, times }: Counted, until: number): void {
    const each = Math.max(1, until - startedAt) / BARS;
    const amounts = Array.from({ length: BARS }, () => 0);
    for (const time of times) {
      const at = Math.min(BARS - 1, Math.floor((time - startedAt) / each));
      amounts[at] = (amounts[at] ?? 0) + 1;
    }
    const most = Math.max(1, ...amounts);
    amounts.forEach((amount, at) => {
      const bar = this.#spark.children[at];
      if (bar instanceof HTMLElement) bar.style.height = `${Math.round((amount / most) * 100)}%`;
    });
  }
}

/** The chunks of the last second; of a turn that has ended, their mean from the first to the end. */
function paceOf({ firstAt, endedAt, times }: Counted, now: number): string {
  if (firstAt === undefined) return '–';
  if (endedAt === undefined) {
    const seen = Math.min(WINDOW_MS, Math.max(100, now - firstAt));
    const recent = times.length - lowerBound(times, now - seen);
    return ((recent / seen) * 1_000).toFixed(0);
  }
  const ms = endedAt - firstAt;
  // What came at once has no pace.
  if (ms < LEAST_MS) return '–';
  const pace = (times.length / ms) * 1_000;
  return pace < 100 ? pace.toFixed(1) : count(Math.round(pace));
}

/** The first place in sorted numbers that is not below a number. */
function lowerBound(sorted: readonly number[], least: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}
