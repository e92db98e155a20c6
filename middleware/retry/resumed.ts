import { end } from '../../src/index.ts';
import type {
  BatchSource,
  ContentChunk,
  ExecutionContext,
  ModelRequest,
  Pulled,
  Reply,
  ResetChunk,
  Stream,
  StreamChunk,
} from '../../src/index.ts';
import { answerOf } from '../../src/kit/index.ts';
import type { Attempts } from './attempts.ts';
import { underlying } from './classify.ts';
import { Delivered } from './delivered.ts';
import type { RetrySettings } from './options.ts';
import { Seam } from './seam.ts';

/** How the stream goes on after a failure. */
interface Recovery {
  /** The request of the next attempt, if it is another one. */
  changes?: Partial<ModelRequest>;
  /** Tells the consumer to drop what it has. */
  reset?: ResetChunk;
  /** Joins the next attempt's text to what was delivered. */
  seam?: Seam;
}

/** The chunks of all attempts as one stream: after a failure it goes on as `afterContent` says. */
export class Resumed implements BatchSource<StreamChunk, Reply> {
  readonly #context: ExecutionContext;
  readonly #attempts: Attempts;
  readonly #settings: RetrySettings;
  readonly #delivered = new Delivered();
  #stream: Stream<StreamChunk, Reply> | undefined;
  #recovery: Recovery = {};
  /** The last chunk whose text the seam holds back. */
  #held: ContentChunk | undefined;

  constructor(
    context: ExecutionContext,
    attempts: Attempts,
    settings: RetrySettings,
    first?: Stream<StreamChunk, Reply>,
  ) {
    this.#context = context;
    this.#attempts = attempts;
    this.#settings = settings;
    this.#stream = first;
  }

  async pull(): Promise<Pulled<StreamChunk, Reply>> {
    for (;;) {
      const chunks = await this.#read();
      if (chunks === undefined) return end(this.#reply());
      if (chunks.length === 0) continue;
      for (const chunk of chunks) this.#delivered.add(chunk);
      return chunks;
    }
  }

  /** The runtime closes the running attempt, because it is below this layer. */
  close(): void {}

  async #read(): Promise<readonly StreamChunk[] | undefined> {
    this.#stream ??= await this.#attempts.first();
    let batch: readonly StreamChunk[] | undefined;
    try {
      batch = await this.#stream.read();
    } catch (error) {
      return this.#recover(error);
    }
    const { seam } = this.#recovery;
    if (seam === undefined) return batch;
    if (batch !== undefined) return this.#joined(batch, seam);
    const rest = this.#released(seam);
    return rest.length === 0 ? undefined : rest;
  }

  /** Opens the next attempt, or throws the last error. What came stays until the next attempt has something better. */
  async #recover(error: unknown): Promise<readonly StreamChunk[]> {
    const recovery = this.#recoveryFrom(error);
    if (recovery === undefined) throw error;
    this.#stream = await this.#attempts.next(error, recovery.changes);
    this.#recovery = recovery;
    this.#held = undefined;
    if (recovery.reset === undefined) return [];
    this.#delivered.clear();
    return [recovery.reset];
  }

  #recoveryFrom(error: unknown): Recovery | undefined {
    const { hasNew } = this.#delivered;
    // What was only said again is said once more, also with `fail`.
    if (!hasNew) return this.#resetting(error);
    const { afterContent } = this.#settings;
    if (afterContent === 'reset') return this.#resetting(error);
    return afterContent === 'continue' ? this.#continuing(error) : undefined;
  }

  #resetting(error: unknown): Recovery | undefined {
    const { from, nothing } = this.#delivered;
    if (nothing) return {};
    return { reset: { type: 'reset', from, reason: underlying(error)?.code ?? 'failed' } };
  }

  #continuing(error: unknown): Recovery | undefined {
    // The next attempt would say again what was said again.
    if (this.#delivered.acted || this.#delivered.hasReplayed) return undefined;
    const text = this.#delivered.textOf((call) => this.#attempts.hasCall(call));
    // There is no text to continue, only thinking: the attempt is made again from the start.
    if (text === '') return this.#resetting(error);
    // The text may have been on its way to a call, of which the model would know nothing any more.
    if (this.#attempts.offersTools) return undefined;
    const messages = [
      ...this.#context.request.messages,
      { role: 'assistant', content: text } as const,
      { role: 'user', content: this.#prompt(text) } as const,
    ];
    // The rest of an answer cannot match the schema of the whole answer.
    return { changes: { messages, responseFormat: undefined, output: undefined }, seam: new Seam(text) };
  }

  #prompt(text: string): string {
    return answerOf('retry(): resumePrompt', () => this.#settings.resumePrompt(text), 'string');
  }

  /**
   * The chunks of an attempt that continues the text. Its thinking is left out: it is about how to continue. So is what a layer below adds by itself,
   * which has come with the first attempt.
   */
  #joined(batch: readonly StreamChunk[], seam: Seam): StreamChunk[] {
    const joined: StreamChunk[] = [];
    for (const chunk of batch) {
      if (chunk.type === 'thinking' || !this.#attempts.hasCall(chunk.call)) continue;
      if (chunk.type === 'content' && isPlain(chunk)) {
        const content = seam.push(chunk.content);
        this.#held = content === '' ? chunk : undefined;
        if (content !== '') joined.push(content === chunk.content ? chunk : { ...chunk, content });
      } else {
        joined.push(...this.#released(seam), chunk);
      }
    }
    return joined;
  }

  #released(seam: Seam): StreamChunk[] {
    const held = this.#held;
    this.#held = undefined;
    const content = seam.flush();
    return held === undefined || content === '' ? [] : [{ ...held, content }];
  }

  #reply(): Reply {
    const reply = this.#stream?.reply ?? { finishReason: 'other' };
    // The message that a layer below has collected contains only the last attempt's part.
    return this.#recovery.seam === undefined ? reply : { ...reply, message: undefined };
  }
}

function isPlain(chunk: ContentChunk): boolean {
  return chunk.citations === undefined && chunk.refusal === undefined && chunk.block === undefined;
}
