import { SluiceError, type FinishReason, type Reply, type StreamChunk } from '../../src/index.ts';

/** Ends that may come without any output. After a stop sequence too; see {@link OutputMeter.checkEnd}. */
const MAY_BE_EMPTY: ReadonlySet<FinishReason> = new Set(['length', 'content_filter', 'refusal', 'pause']);

/** Counts what a call puts out: the cap on it, and whether there was anything at all. */
export class OutputMeter {
  readonly #maxCharacters: number;
  #characters = 0;
  #any = false;

  constructor(maxCharacters: number) {
    this.#maxCharacters = maxCharacters;
  }

  /** Counts one chunk. Throws `protocol` when the output exceeds the limit. */
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
   * A reply without any output is no reply: `truncated`, so that it is tried again. It may be empty where the model refused, was cut
   * or paused before its first word, or where its first word was a stop sequence.
   */
  checkEnd(reply: Reply): void {
    if (this.#any || MAY_BE_EMPTY.has(reply.finishReason) || reply.rawFinishReason === 'stop_sequence')
      return;
    throw new SluiceError('truncated', `The reply ended (${reply.finishReason}) without any output.`);
  }
}
