import type { ExecutionChunk, ExecutionResult } from './types.ts';

/** One bar of the timeline. Times are in milliseconds from the beginning of the turn. */
export interface Bar {
  label: string;
  kind: 'call' | 'tool';
  start: number;
  /** From when the turn paused before it, after an attempt that failed. Only a trace says so. */
  pausedFrom: number | undefined;
  /** When its first chunk came: before that it waited. */
  first: number | undefined;
  /** When the first chunk came that is not thinking. */
  spoke: number | undefined;
  /** Undefined while it runs. */
  end: number | undefined;
  isFailed: boolean;
  /** What else is known of it. */
  note: string;
}

/**
 * What happens in a turn, as far as its chunks say it: each number of a call is an attempt, a reset ends one as failed, and a tool runs from its call to its result. If the server shows
 * its trace, that takes their place at the end.
 */
export class Timeline {
  readonly #startedAt: number;
  #bars: Bar[] = [];
  readonly #calls = new Map<number, Bar>();
  readonly #tools = new Map<string, Bar>();
  #lastEnd = 0;
  #isOver = false;

  constructor(now: number) {
    this.#startedAt = now;
    this.#open();
  }

  get bars(): readonly Bar[] {
    return this.#bars;
  }

  /** How long the turn has taken until now. */
  spanAt(now: number): number {
    return this.#isOver ? this.#lastEnd : Math.max(1, now - this.#startedAt);
  }

  add(chunk: ExecutionChunk, now: number): void {
    const at = now - this.#startedAt;
    switch (chunk.type) {
      case 'done':
        this.end(now, chunk.result);
        return;
      case 'tool_result': {
        const tool = this.#tools.get(chunk.id);
        if (tool !== undefined && tool.end === undefined) {
          tool.end = at;
          tool.isFailed = chunk.isError;
        }
        // Behind the results, the model is asked again.
        if ([...this.#tools.values()].every(({ end }) => end !== undefined)) this.#open(at);
        return;
      }
      case 'tool_progress':
        return;
      case 'reset':
        for (const [call, bar] of this.#calls) {
          if (!chunk.calls.includes(call) || bar.isFailed) continue;
          bar.isFailed = true;
          bar.end ??= at;
          bar.note = chunk.reason;
        }
        this.#open(at);
        return;
      default: {
        const call = this.#callOf(chunk.call, at);
        call.first ??= at;
        if (chunk.type !== 'thinking') call.spoke ??= at;
        // Until more of it comes, the call has ended with the tool that it asks for.
        call.end = chunk.type === 'tool_call' ? at : undefined;
        if (chunk.type !== 'tool_call') return;
        const tool: Bar = {
          ...{ label: chunk.name, kind: 'tool', start: at, pausedFrom: undefined },
          ...{ first: at, spoke: at, end: undefined, isFailed: false, note: '' },
        };
        this.#tools.set(chunk.id, tool);
        this.#bars.push(tool);
      }
    }
  }

  /** The turn has ended, well or not. */
  end(now: number, result?: ExecutionResult): void {
    if (this.#isOver) return;
    const at = now - this.#startedAt;
    this.#isOver = true;
    this.#lastEnd = Math.max(1, at);
    // One that waits for its first chunk when the turn ends well was never made.
    if (result !== undefined) this.#bars = this.#bars.filter(({ first }) => first !== undefined);
    for (const bar of this.#bars) {
      if (bar.end === undefined && result === undefined) {
        bar.isFailed = true;
        if (bar.first === undefined) bar.label = `call ${this.#calls.size + 1}`;
      }
      bar.end ??= at;
    }
    const { trace = [] } = result ?? {};
    if (trace.length > 0) this.#fromTrace(trace);
  }

  /** A call that was made, or is about to be: what it is called shows with its first chunk. */
  #open(at = 0): Bar {
    for (const bar of this.#calls.values()) bar.end ??= at;
    const waiting = this.#bars.find(
      ({ kind, first, end }) => kind === 'call' && first === undefined && end === undefined,
    );
    if (waiting !== undefined) return waiting;
    const bar: Bar = {
      ...{ label: 'call', kind: 'call', start: at, pausedFrom: undefined },
      ...{ first: undefined, spoke: undefined, end: undefined, isFailed: false, note: '' },
    };
    this.#bars.push(bar);
    return bar;
  }

  #callOf(number: number, at: number): Bar {
    const known = this.#calls.get(number);
    if (known !== undefined) return known;
    const bar = this.#open(at);
    bar.label = `call ${this.#calls.size + 1}`;
    this.#calls.set(number, bar);
    return bar;
  }

  #fromTrace(trace: ExecutionResult['trace']): void {
    const [root] = trace;
    const zero = root?.startMs ?? 0;
    const spans = trace.filter(({ kind }) => kind !== 'execution');
    if (spans.length === 0) return;
    let calls = 0;
    /** Until when an attempt ran that failed, and that nothing followed yet. */
    let failedAt: number | undefined;
    this.#bars = spans.map((span): Bar => {
      const start = span.startMs - zero;
      const isCall = span.kind === 'call';
      const isFailed = span.outcome === 'failed';
      const end = start + (span.durationMs ?? 0);
      const seen = isCall ? this.#calls.get(Number(span.attributes['call'])) : undefined;
      // When a chunk came here, at most: a layer may have held it back.
      const within = (at: number): number => Math.min(end, Math.max(start, at));
      const first = seen?.first === undefined ? undefined : within(seen.first);
      // Of a call that gave nothing to see, it is not known what it waited for.
      const spoke = first === undefined ? start : seen?.spoke === undefined ? end : within(seen.spoke);
      const pausedFrom = isCall && failedAt !== undefined && failedAt < start ? failedAt : undefined;
      if (isCall) failedAt = isFailed ? end : undefined;
      return {
        ...{ label: isCall ? `call ${++calls}` : span.name, kind: isCall ? 'call' : 'tool' },
        ...{ start, pausedFrom, first: first ?? start, spoke, end },
        ...{ isFailed, note: span.errorCode ?? '' },
      };
    });
    this.#lastEnd = Math.max(root?.durationMs ?? 0, ...this.#bars.map(({ end = 0 }) => end), 1);
  }
}
