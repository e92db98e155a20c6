import type { OutputForm, Reply, Stream, StreamChunk } from '../../src/index.ts';

/**
 * Makes text of the call of the tool that stands for the answer, so that the answer comes in the same way in each mode. Any other chunk passes.
 *
 * `form` is told where in the text the answer begins.
 */
export function asText(
  stream: Stream<StreamChunk, Reply>,
  name: string,
  form: OutputForm,
): Stream<StreamChunk, Reply> {
  const reading = new ToolAnswer(name, form);
  return stream
    .map(reading.take)
    .filter((chunk) => chunk !== NOTHING)
    .followedBy((reply) => {
      // Asked again after the reply that is given here.
      if (!reading.hasAnswered || reply.finishReason !== 'tool_calls' || reading.hasOtherCalls)
        return undefined;
      return { ...reply, finishReason: 'stop' };
    });
}

/** Stands for a chunk that is left out. */
const NOTHING: StreamChunk = { type: 'content', content: '' };

class ToolAnswer {
  readonly #name: string;
  readonly #form: OutputForm;
  /** The id of the call. */
  #id: string | undefined;
  #hasDeltas = false;
  #hasBegun = false;
  /** The length of the text before the call. */
  #length = 0;
  /** Whether the call has ended. */
  hasAnswered = false;
  hasOtherCalls = false;

  constructor(name: string, form: OutputForm) {
    this.#name = name;
    this.#form = form;
  }

  readonly take = (chunk: StreamChunk): StreamChunk => {
    switch (chunk.type) {
      case 'content':
        this.#length += chunk.content.length;
        return chunk;
      case 'tool_call_delta': {
        if (chunk.name === this.#name && !this.hasAnswered) this.#id ??= chunk.id;
        if (chunk.id !== this.#id || this.hasAnswered) return chunk;
        if (chunk.argumentsDelta === '') return NOTHING;
        this.#hasDeltas = true;
        return this.#text(chunk.argumentsDelta, chunk.call);
      }
      case 'tool_call': {
        if (chunk.name !== this.#name) {
          this.hasOtherCalls ||= chunk.providerExecuted !== true;
          return chunk;
        }
        // Only the first answer counts.
        if (this.hasAnswered) return NOTHING;
        this.hasAnswered = true;
        if (this.#hasDeltas) return NOTHING;
        return this.#text(textOf(chunk), chunk.call);
      }
      default:
        return chunk;
    }
  };

  #text(content: string, call: number | undefined): StreamChunk {
    // Text before it was not the answer, even if it has JSON. Without a call, it may be.
    if (!this.#hasBegun) this.#form.start = this.#length;
    this.#hasBegun = true;
    return { type: 'content', content, ...(call !== undefined && { call }) };
  }
}

function textOf({ arguments: given, invalid }: Extract<StreamChunk, { type: 'tool_call' }>): string {
  return invalid?.raw ?? JSON.stringify(given);
}
