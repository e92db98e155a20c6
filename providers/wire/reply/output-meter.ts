import { SluiceError } from '../../../src/index.ts';
import type { FinishReason, Message, ModelRequest, Part, Reply, StreamChunk } from '../../../src/index.ts';

/** Finish reasons of replies that may be empty. See also {@link OutputMeter.checkEnd}. */
const MAY_BE_EMPTY: ReadonlySet<FinishReason> = new Set(['length', 'content_filter', 'refusal', 'pause']);

/** Counts the output of a call: checks its limit, and notes whether there was any. */
export class OutputMeter {
  readonly #maxCharacters: number;
  readonly #request: ModelRequest;
  #characters = 0;
  #any = false;

  constructor(maxCharacters: number, request: ModelRequest) {
    this.#maxCharacters = maxCharacters;
    this.#request = request;
  }

  /** Counts one chunk. Throws `protocol` if the output exceeds the limit. */
  add(chunk: StreamChunk): void {
    switch (chunk.type) {
      case 'content':
      case 'thinking':
        this.#characters += chunk.content.length;
        if (chunk.content !== '' || chunk.block !== undefined) this.#any = true;
        break;
      case 'tool_call_delta':
        this.#characters += chunk.argumentsDelta.length;
        break;
      case 'tool_call':
      case 'tool_result':
      case 'file':
        this.#any = true;
        break;
      case 'tool_progress':
      case 'reset':
        break;
    }
    if (this.#characters > this.#maxCharacters) {
      throw new SluiceError(
        'protocol',
        `The output exceeds limits.maxOutputCharacters (${this.#maxCharacters}).`,
        {
          retryable: false,
        },
      );
    }
  }

  /**
   * Throws `truncated` for a reply without any output, so that the call is retried. A reply may be empty if the model
   * refused, was cut or paused before its first word, if its first word was a stop sequence, or if it had nothing to add to
   * the results of tools.
   */
  checkEnd({ finishReason, rawFinishReason }: Reply): void {
    if (this.#any || MAY_BE_EMPTY.has(finishReason) || rawFinishReason === 'stop_sequence') return;
    if (finishReason === 'stop' && followsTools(this.#request.messages.at(-1))) return;
    throw new SluiceError('truncated', `The reply ended (${finishReason}) without any output.`);
  }
}

/** Whether a message ends with the output of tools: with results, or with calls that the provider ran itself. */
function followsTools(message: Message | undefined): boolean {
  if (message === undefined || typeof message.content === 'string') return false;
  const last = message.content.findLast((part) => part.type !== 'text' || part.text.trim() !== '');
  return last?.type === 'tool_result' || (message.role === 'assistant' && isServerCall(last));
}

function isServerCall(part: Part | undefined): boolean {
  return part?.type === 'provider' || (part?.type === 'tool_call' && part.providerExecuted === true);
}
