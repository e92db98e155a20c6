import {
  end,
  isSluiceError,
  SluiceError,
  type BatchSource,
  type End,
  type FinishReason,
  type ModelRequest,
  type ProviderCall,
  type Reply,
  type StreamChunk,
  type Usage,
} from '../../src/index.ts';
import { delay, estimateInputTokens, estimateTokens, onAbort } from '../../src/kit/index.ts';
import type { Plan, PlannedCall } from './plan.ts';

/** As `estimateTokens` counts. */
const CHARACTERS_A_TOKEN = 4;

/** The chunks of the reply, cut to the request's limits. */
interface Script {
  chunks: StreamChunk[];
  finishReason: FinishReason;
  rawFinishReason: string;
}

/** Sends the planned reply, a word for each read, each after its delay. The end has the usage. */
export function perform(
  plan: Plan,
  request: ModelRequest,
  call: ProviderCall,
  wordDelayMs: number,
): BatchSource<StreamChunk, Reply> {
  const { chunks, finishReason, rawFinishReason } = scriptOf(plan, request);
  const inputTokens = estimateInputTokens(request);
  const raw = request.parameters.includeRaw === true ? rawRequest(request) : undefined;
  const wait = waiter(call.signal);
  let next = 0;
  let outputCharacters = 0;
  let reasoningCharacters = 0;

  function usage(): Usage {
    const outputTokens = estimateTokens(outputCharacters);
    return {
      inputTokens,
      outputTokens,
      totalTokens: inputTokens + outputTokens,
      cachedInputTokens: 0,
      cacheWriteTokens: 0,
      reasoningTokens: Math.min(estimateTokens(reasoningCharacters), outputTokens),
    };
  }

  function reply(): Reply {
    return {
      finishReason,
      rawFinishReason,
      usage: usage(),
      model: 'demo',
      provider: 'demo',
      ...(raw !== undefined && { raw: { request: raw, reply: chunks.map((chunk) => ({ ...chunk })) } }),
    };
  }

  function step(): readonly StreamChunk[] | End<Reply> {
    const chunk = chunks[next];
    if (chunk === undefined) return end(reply());
    next += 1;
    const characters = charactersOf(chunk);
    outputCharacters += characters;
    if (chunk.type === 'thinking') reasoningCharacters += characters;
    call.call.usage = usage();
    return [{ ...chunk }];
  }

  return {
    pull() {
      if (call.signal.aborted) throw abortedBy(call.signal.reason);
      if (next === 0) call.call.usage = usage();
      if (wordDelayMs === 0 || next >= chunks.length) return step();
      return wait.for(wordDelayMs).then(step);
    },
    close: (error) => wait.stop(error),
  };
}

/** The error for a signal's reason. A reason that is such an error is used as it is. */
function abortedBy(reason: unknown): SluiceError {
  if (isSluiceError(reason) && reason.code === 'aborted') return reason;
  return new SluiceError('aborted', 'The call was aborted.', { cause: reason, provider: 'demo' });
}

/**
 * Waits, once at a time, until the time is over, the signal aborts or `stop` is called. No timer and no listener remains.
 */
function waiter(signal: AbortSignal) {
  let ended: AbortController | undefined;
  return {
    async for(ms: number): Promise<void> {
      const mine = new AbortController();
      ended = mine;
      const listening = onAbort(signal, () => mine.abort(abortedBy(signal.reason)));
      try {
        await delay(ms, mine.signal);
      } finally {
        listening[Symbol.dispose]();
      }
    },
    stop: (error: SluiceError) => ended?.abort(error),
  };
}

/** Cuts the plan at the token limit and at the first stop sequence, and splits it into words. */
function scriptOf(plan: Plan, request: ModelRequest): Script {
  const { maxTokens, stopSequences, reasoning } = request.parameters;
  let room = maxTokens === undefined ? Infinity : Math.max(0, Math.floor(maxTokens)) * CHARACTERS_A_TOKEN;
  let isCut = false;

  function cut(text: string): string {
    const kept = text.length <= room ? text : whole(text.slice(0, room));
    isCut ||= kept.length < text.length;
    room -= kept.length;
    return kept;
  }

  const budget = (reasoning?.budgetTokens ?? Infinity) * CHARACTERS_A_TOKEN;
  const chunks: StreamChunk[] = wordsOf(cut(whole((plan.thinking ?? '').slice(0, budget)))).map(
    (content) => ({
      type: 'thinking',
      content,
      call: 0,
    }),
  );
  const stop = firstStop(plan.text, stopSequences ?? []);
  const text = cut(stop === undefined ? plan.text : plan.text.slice(0, stop));
  chunks.push(...wordsOf(text).map((content): StreamChunk => ({ type: 'content', content, call: 0 })));
  if (isCut) return { chunks, finishReason: 'length', rawFinishReason: 'max_tokens' };
  if (stop !== undefined) return { chunks, finishReason: 'stop', rawFinishReason: 'stop_sequence' };
  if (plan.call === undefined) return { chunks, finishReason: 'stop', rawFinishReason: 'end_turn' };
  // A call that does not fit is sent as far as it fits, but is never finished.
  const json = cut(JSON.stringify(plan.call.arguments));
  chunks.push(...callChunks(plan.call, json, isCut));
  return isCut
    ? { chunks, finishReason: 'length', rawFinishReason: 'max_tokens' }
    : { chunks, finishReason: 'tool_calls', rawFinishReason: 'tool_use' };
}

function callChunks({ id, name, arguments: args }: PlannedCall, json: string, isCut: boolean): StreamChunk[] {
  const half = whole(json.slice(0, Math.ceil(json.length / 2))).length;
  const deltas: StreamChunk[] = [
    { type: 'tool_call_delta', id, name, argumentsDelta: json.slice(0, half), call: 0 },
    { type: 'tool_call_delta', id, argumentsDelta: json.slice(half), call: 0 },
  ];
  return isCut ? deltas : [...deltas, { type: 'tool_call', id, name, arguments: args, call: 0 }];
}

function firstStop(text: string, sequences: readonly string[]): number | undefined {
  const places = sequences
    .filter((sequence) => sequence !== '')
    .map((sequence) => text.indexOf(sequence))
    .filter((place) => place >= 0);
  return places.length === 0 ? undefined : Math.min(...places);
}

/** Words with the white space that follows them. */
function wordsOf(text: string): string[] {
  return text.match(/^\s+|\S+\s*/g) ?? [];
}

/** Removes half of a surrogate pair at the end. */
function whole(text: string): string {
  return text.isWellFormed() ? text : text.slice(0, -1);
}

function charactersOf(chunk: StreamChunk): number {
  if (chunk.type === 'content' || chunk.type === 'thinking') return chunk.content.length;
  return chunk.type === 'tool_call_delta' ? chunk.argumentsDelta.length : 0;
}

function rawRequest(request: ModelRequest): unknown {
  const { messages, parameters, tools, responseFormat } = request;
  return { model: 'demo', messages, parameters, tools, responseFormat };
}
