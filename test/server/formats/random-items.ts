import fc from 'fast-check';
import type { FinishReason, ResetChunk, StreamChunk } from 'sluice';
import type { SentChunk, SentEnd, SentStart } from '../../../server/stream/parts.ts';
import type { SentItem } from '../../../server/stream/sent-stream.ts';

/** The tools of the client; all others are the pipeline's. */
export const CLIENT_TOOLS: ReadonlySet<string> = new Set(['look', 'pick']);
const TOOLS = ['look', 'pick', 'search'];

const START: SentStart = { turnId: 'turn-1', name: 'agent', startedAt: 1_790_000_000_000 };

interface Step {
  act: number;
  pick: number;
  text: string;
}

interface OpenCall {
  id: string;
  name: string;
  call: number;
  json: string;
  sent: number;
  arguments: unknown;
}

const USAGE = {
  inputTokens: 30,
  outputTokens: 20,
  totalTokens: 50,
  cachedInputTokens: 8,
  cacheWriteTokens: 4,
  reasoningTokens: 5,
};

/** Makes items of random steps: several calls of a model with interleaved tool calls, thinking, files, results, and resets. */
class Maker {
  readonly items: SentItem[] = [{ type: 'start', start: START }];
  #call = 1;
  #count = 0;
  #open: OpenCall[] = [];
  #whole: OpenCall[] = [];
  #ids = 0;

  step({ act, pick, text }: Step): void {
    switch (act) {
      case 0:
      case 1:
        return this.push({ type: 'content', content: text });
      case 2:
        return this.push({ type: 'thinking', content: text });
      case 3: {
        const data = { type: 'thinking', thinking: 'x', signature: `s${pick}` };
        const redacted = { type: 'redacted_thinking', data: `r${pick}` };
        const block = { provider: 'anthropic', data: pick % 3 === 0 ? redacted : data };
        return this.push({ type: 'thinking', content: '', block });
      }
      case 4:
        return this.#begin(pick, text);
      case 5:
        return this.#piece(pick);
      case 6:
        return this.#finish(pick);
      case 7: {
        const call = this.#whole.splice(pick % Math.max(1, this.#whole.length), 1)[0];
        if (call === undefined) return;
        const { id, name } = call;
        return this.push({ type: 'tool_result', id, name, content: text, isError: pick % 4 === 0 });
      }
      case 8: {
        const call = this.#whole.at(0);
        if (call !== undefined)
          this.push({ type: 'tool_progress', id: call.id, name: call.name, data: { at: pick } });
        return;
      }
      case 9:
        return this.push({ type: 'file', mediaType: 'image/png', data: 'AAAA' });
      case 10:
        this.#next();
        return;
      default:
        return this.#reset(pick);
    }
  }

  end(end: SentEnd): void {
    this.items.push({ type: 'end', end, position: this.#count + 1, at: START.startedAt + this.#count + 1 });
  }

  /** Calls that are whole and have no result. */
  get unanswered(): readonly OpenCall[] {
    return this.#whole;
  }

  push(chunk: StreamChunk, call = this.#call): void {
    const index = this.#count++;
    const sent = { ...chunk, call, index } as SentChunk;
    this.items.push({ type: 'chunk', chunk: sent, position: index + 1, at: START.startedAt + index + 1 });
  }

  #begin(pick: number, text: string): void {
    const name = TOOLS[pick % TOOLS.length] ?? 'look';
    const args = { value: text };
    const json = JSON.stringify(args);
    const call = { id: `call-${++this.#ids}`, name, call: this.#call, json, sent: 0, arguments: args };
    this.#open.push(call);
    this.push({ type: 'tool_call_delta', id: call.id, name, argumentsDelta: '' });
  }

  #piece(pick: number): void {
    const call = this.#open[pick % Math.max(1, this.#open.length)];
    if (call === undefined || call.sent >= call.json.length) return;
    const argumentsDelta = call.json.slice(call.sent, call.sent + 4);
    call.sent += argumentsDelta.length;
    this.push({ type: 'tool_call_delta', id: call.id, argumentsDelta }, call.call);
  }

  #finish(pick: number): void {
    const [call] = this.#open.splice(pick % Math.max(1, this.#open.length), 1);
    if (call === undefined) return;
    if (call.sent > 0 && call.sent < call.json.length) {
      const argumentsDelta = call.json.slice(call.sent);
      this.push({ type: 'tool_call_delta', id: call.id, argumentsDelta }, call.call);
    }
    const { id, name } = call;
    this.push({ type: 'tool_call', id, name, arguments: call.arguments }, call.call);
    this.#whole.push(call);
  }

  #next(): void {
    // A model call ends with its calls: what was not whole by then never is.
    this.#open = [];
    this.#call += 1;
  }

  #reset(pick: number): void {
    const from = 1 + (pick % this.#call);
    const calls = Array.from({ length: this.#call - from + 1 }, (_, at) => from + at);
    const reset: ResetChunk = { type: 'reset', from, calls, reason: 'again' };
    const isVoid = ({ call }: OpenCall): boolean => calls.includes(call);
    this.#open = [];
    this.#whole = this.#whole.filter((call) => !isVoid(call));
    this.#call += 1;
    this.push(reset);
  }
}

const REASONS: readonly FinishReason[] = [
  'stop',
  'length',
  'tool_calls',
  'content_filter',
  'refusal',
  'pause',
  'other',
];

function endFor(kind: number, pick: number, maker: Maker): SentEnd {
  const finishReason = REASONS[pick % REASONS.length] ?? 'stop';
  const shared = { usage: USAGE, finishReason, model: 'm-1', provider: 'p' };
  const waiting = maker.unanswered.map(({ id, name, arguments: args }) => ({
    callId: id,
    name,
    arguments: args,
  }));
  const client = waiting.filter(({ name }) => CLIENT_TOOLS.has(name));
  switch (kind) {
    case 0:
    case 1:
      return { outcome: 'completed', ...shared };
    case 2:
      return { outcome: 'interrupted', reason: 'guard', ...shared };
    case 3:
      return { outcome: 'interrupted', reason: 'max_rounds', ...shared };
    case 4:
      return { outcome: 'cancelled', reason: 'stopped' };
    case 5:
      return {
        outcome: 'failed',
        error: { code: 'overloaded', message: 'The provider is overloaded.', retryable: true },
      };
    case 6:
      return {
        ...{ outcome: 'interrupted', reason: 'tool_calls', ...shared },
        pending: client.map((call) => ({ ...call, waitsFor: 'client' as const })),
      };
    default:
      return {
        ...{ outcome: 'interrupted', reason: 'approval', ...shared },
        pending: waiting.map((call) => ({ ...call, waitsFor: 'approval' as const, reason: 'careful' })),
      };
  }
}

const step = fc.record({
  act: fc.integer({ min: 0, max: 11 }),
  pick: fc.nat(30),
  text: fc.oneof(fc.string({ maxLength: 6 }), fc.constantFrom('"', '\\', '\n\n', '🙂', 'data: x')),
});

/** A random stream. `resets`: whether it has some. */
export function randomItems({ resets }: { resets: boolean }): fc.Arbitrary<SentItem[]> {
  return fc
    .record({
      steps: fc.array(step, { maxLength: 40 }),
      kind: fc.integer({ min: 0, max: 7 }),
      pick: fc.nat(20),
    })
    .map(({ steps, kind, pick }) => {
      const maker = new Maker();
      for (const one of steps) if (resets || one.act < 11) maker.step(one);
      maker.end(endFor(kind, pick, maker));
      return maker.items;
    });
}
