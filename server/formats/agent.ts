import type { SentChunk, SentEnd, SentError, SentStart } from '../stream/parts.ts';
import { plainErrorBody } from './plain-error.ts';
import type { Encoder, EncoderOptions, Format, Frame } from './format.ts';

/**
 * The events of the agent routes: `connected`, then `content`, `thinking`, `tool_call`, `tool_result`, then `complete` or `error`, and `done`, which always is the last.
 * Other events come only to a client that asked for them (`include`): `reset`, `tool_call_delta`, `tool_progress`, `file`, `interrupted`, `gap`. The last one has in `events` what
 * the client missed of the part of a long stream that the log has dropped, with longer texts; without it these events come one by one.
 *
 * Each event has `type`, `metadata`, `is_final` and `timestamp` in milliseconds since the epoch. The arguments of a tool call are JSON text. `include: cost` adds the cost
 * to the metadata of `complete`, and `warnings` the warnings.
 */
export const agentFormat: Format = {
  name: 'agent',
  heartbeat: ': heartbeat\n\n',
  headers: {},
  showsResets: ({ include }) => include?.has('reset') === true,
  encoder: (options) => new AgentEncoder(options),
  error: plainErrorBody,
};

/** A call as the events of the agent routes show it. */
interface ShownCall {
  id: string;
  name: string;
  arguments: string;
}

class AgentEncoder implements Encoder {
  readonly #include: ReadonlySet<string>;
  readonly #thinking: boolean;
  /** The calls so far: an event of a result repeats its call. */
  #calls: Map<string, ShownCall> | undefined;
  #start: SentStart | undefined;
  readonly gap?: NonNullable<Encoder['gap']>;

  constructor({ include = new Set(), thinking = true }: EncoderOptions) {
    this.#include = include;
    this.#thinking = thinking;
    if (!include.has('gap')) return;
    this.gap = (chunks, at) => {
      const frames = chunks.flatMap((chunk) => this.chunk(chunk, chunk.index + 1, at));
      const events = frames.map(({ data }): unknown => JSON.parse(data));
      return event('gap', at, { events });
    };
  }

  start(start: SentStart): Frame[] {
    this.#start = start;
    const { name, turnId, session, model, startedAt } = start;
    const metadata = {
      agent: name,
      turn_id: turnId,
      conversation_id: typeof session === 'object' ? session.id : session,
      model,
    };
    return [event('connected', startedAt, { metadata })];
  }

  chunk(chunk: SentChunk, _position: number, at: number): Frame[] {
    switch (chunk.type) {
      case 'content':
        return chunk.content === '' ? [] : [textEvent('content', 'content', chunk.content, at)];
      case 'thinking':
        if (!this.#thinking || chunk.content === '') return [];
        return [textEvent('thinking', 'thinking_step', chunk.content, at)];
      case 'tool_call': {
        const call = { id: chunk.id, name: chunk.name, arguments: argumentsText(chunk) };
        (this.#calls ??= new Map()).set(chunk.id, call);
        return [event('tool_call', at, { tool_call: { ...call, status: 'running' } })];
      }
      case 'tool_result': {
        const call = this.#calls?.get(chunk.id) ?? { id: chunk.id, name: chunk.name, arguments: '{}' };
        const status = chunk.isError ? 'failed' : 'completed';
        return [event('tool_result', at, { tool_call: { ...call, result: chunk.content, status } })];
      }
      default:
        return this.#include.has(chunk.type) ? [otherEvent(chunk, at)] : [];
    }
  }

  end(end: SentEnd, _position: number, at: number): Frame[] {
    return [...this.#last(end, at), event('done', at, { is_final: true })];
  }

  #last(end: SentEnd, at: number): Frame[] {
    if (end.error !== undefined) return [errorEvent(end.error, end, at)];
    const metadata = this.#summary(end);
    const complete = event('complete', at, { metadata, is_final: true });
    if (end.outcome !== 'interrupted' || !this.#include.has('interrupted')) return [complete];
    return [event('interrupted', at, { metadata: { reason: end.reason, pending: end.pending } }), complete];
  }

  #summary(end: SentEnd): Record<string, unknown> {
    return {
      agent: this.#start?.name,
      turn_id: this.#start?.turnId,
      ...summaryOf(end, this.#include),
    };
  }
}

/** The result in the metadata of `complete`, and of an answer in one piece. Cost, warnings and the trace only if they were asked for. */
export function summaryOf(end: SentEnd, include: ReadonlySet<string>): Record<string, unknown> {
  return {
    outcome: end.outcome,
    reason: end.reason,
    finish_reason: end.finishReason,
    usage: end.usage,
    model: end.model,
    pending: end.pending,
    latency_ms: end.latencyMs,
    time_to_first_chunk_ms: end.timeToFirstChunkMs,
    replayed: end.replayed,
    ...(include.has('cost') && { cost: end.cost }),
    ...(include.has('warnings') && { warnings: end.warnings }),
    ...(include.has('trace') && { trace: end.trace }),
  };
}

function event(type: string, timestamp: number, fields: Record<string, unknown>): Frame {
  return {
    event: type,
    data: JSON.stringify({ type, metadata: {}, is_final: false, ...fields, timestamp }),
  };
}

/** The same for a piece of text, written out: these are nearly all events. */
function textEvent(type: string, field: string, text: string, timestamp: number): Frame {
  return {
    event: type,
    data: `{"type":"${type}","${field}":${JSON.stringify(text)},"metadata":{},"is_final":false,"timestamp":${timestamp}}`,
  };
}

/** Chunks that come only to those who ask. Their own fields are the metadata. */
function otherEvent(chunk: SentChunk, at: number): Frame {
  const { type, index: _index, ...metadata } = chunk;
  return event(type, at, { metadata });
}

function errorEvent(error: SentError, end: SentEnd, at: number): Frame {
  const metadata = {
    code: error.code,
    outcome: end.outcome,
    reason: end.reason,
    retryable: error.retryable,
    retry_after_ms: error.retryAfterMs,
    request_id: error.requestId,
    usage: end.usage,
  };
  return event('error', at, { error: error.message, metadata });
}

function argumentsText(chunk: Extract<SentChunk, { type: 'tool_call' }>): string {
  return chunk.invalid?.raw ?? JSON.stringify(chunk.arguments ?? {});
}
