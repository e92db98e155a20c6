import type { ExecutionChunk } from '../chunks.ts';
import type { SluiceError } from '../errors.ts';
import type { OutputForms } from '../output/forms.ts';
import { isEmpty } from '../output/json-words.ts';
import { isEnd, pullFrom } from '../stream/source.ts';
import type { BatchSource, Pulled, PushSource } from '../stream/source.ts';
import type { MaybePromise } from '../stream/owner.ts';
import { OutputText } from './output-text.ts';

/** What has come of an output, each time that there is more. */
export class PartialOutputSource<R> implements BatchSource<unknown, R> {
  readonly #stream: PushSource<ExecutionChunk, R>;
  readonly #text: OutputText;
  /** What was given last. */
  #shown: unknown;
  #end: Pulled<unknown, R> | undefined;

  constructor(stream: PushSource<ExecutionChunk, R>, forms: OutputForms) {
    this.#stream = stream;
    this.#text = new OutputText(forms);
  }

  async pull(): Promise<Pulled<unknown, R>> {
    for (;;) {
      if (this.#end !== undefined) return this.#end;
      const pulled = await pullFrom(this.#stream);
      if (isEnd(pulled)) this.#end = pulled;
      const values = isEnd(pulled) ? this.#last() : this.#values(pulled);
      if (values.length > 0) return values;
    }
  }

  close(error: SluiceError): MaybePromise<void> {
    return this.#stream.close(error);
  }

  #values(chunks: readonly ExecutionChunk[]): unknown[] {
    const values: unknown[] = [];
    for (const chunk of chunks) {
      const isVoided = this.#text.read(chunk) !== undefined;
      const taken = this.#text.reader?.take(isVoided);
      if (taken !== undefined) this.#show(taken.value, values);
      else if (isVoided && this.#shown !== undefined) this.#show(emptied(this.#shown), values);
    }
    return values;
  }

  #show(value: unknown, values: unknown[]): void {
    // After a reset, an object begins as empty as it was left.
    if (isEmpty(value) && isEmpty(this.#shown) && Array.isArray(value) === Array.isArray(this.#shown)) return;
    this.#shown = value;
    values.push(value);
  }

  /** What has come since the last look. */
  #last(): unknown[] {
    const { reader } = this.#text;
    reader?.end();
    const taken = reader?.take(true);
    return taken === undefined ? [] : [taken.value];
  }
}

/** Of the kind of a value, with nothing in it. */
function emptied(value: unknown): unknown {
  if (typeof value === 'string') return '';
  return Array.isArray(value) ? [] : {};
}
