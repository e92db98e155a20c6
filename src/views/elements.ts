import type { ExecutionChunk } from '../chunks.ts';
import { SluiceError } from '../errors.ts';
import type { ElementCheck, OutputForms } from '../output/forms.ts';
import { isEnd, pullFrom } from '../stream/source.ts';
import type { BatchSource, Pulled, PushSource } from '../stream/source.ts';
import type { MaybePromise } from '../stream/owner.ts';
import { OutputText } from './output-text.ts';
import type { ClosedElement, VoidedText } from './output-text.ts';
import type { TextOptions } from './reset.ts';
import { takeBack } from './text-source.ts';

/** The elements of an array of the output, each when it is complete. One that does not match the schema is left out: the whole then does not match either. */
export class ElementSource<R> implements BatchSource<unknown, R> {
  readonly #stream: PushSource<ExecutionChunk, R>;
  readonly #forms: OutputForms;
  readonly #key: string | undefined;
  readonly #onReset: TextOptions<unknown[]>['onReset'];
  readonly #text: OutputText;
  #elementCheck: ElementCheck | undefined;
  /** How many elements of the text were looked at. */
  #seen = 0;
  /** Those that match, and at which place of the array each is. */
  #good: ClosedElement[] = [];
  /** How many of them the reader has got. */
  #given = 0;
  #end: Pulled<unknown, R> | undefined;

  constructor(
    stream: PushSource<ExecutionChunk, R>,
    forms: OutputForms,
    key: string | undefined,
    { onReset }: TextOptions<unknown[]>,
  ) {
    this.#stream = stream;
    this.#forms = forms;
    this.#key = key;
    this.#onReset = onReset;
    this.#text = new OutputText(forms, key ?? '');
  }

  async pull(): Promise<Pulled<unknown, R>> {
    for (;;) {
      if (this.#end !== undefined) return this.#end;
      const pulled = await pullFrom(this.#stream);
      if (isEnd(pulled)) {
        this.#end = pulled;
        continue;
      }
      for (const chunk of pulled) {
        const voided = this.#text.read(chunk);
        if (voided !== undefined) await this.#takeBack(voided);
        await this.#check(this.#text.takeElements());
      }
      const fresh = this.#good.slice(this.#given).map(({ value }) => value);
      this.#given = this.#good.length;
      if (fresh.length > 0) return fresh;
    }
  }

  close(error: SluiceError): MaybePromise<void> {
    return this.#stream.close(error);
  }

  async #takeBack({ reset, kept }: VoidedText): Promise<void> {
    this.#seen = Math.min(this.#seen, kept);
    this.#good = this.#good.filter(({ at }) => at < kept);
    if (this.#good.length >= this.#given) return;
    this.#given = this.#good.length;
    await takeBack(this.#stream, reset, this.#onReset, () => this.#good.map(({ value }) => value));
  }

  async #check(elements: readonly ClosedElement[]): Promise<void> {
    for (const { at, value: element } of elements) {
      if (at < this.#seen) continue;
      this.#seen = at + 1;
      const checked = await this.#checkOf()(element);
      if (checked !== undefined) this.#good.push({ at, value: checked.value });
    }
  }

  #checkOf(): ElementCheck {
    this.#elementCheck ??= this.#forms.elementCheck?.(this.#key);
    if (this.#elementCheck !== undefined) return this.#elementCheck;
    throw new SluiceError(
      'invalid_options',
      'elements(): no layer checks the output: put output() into the pipeline.',
    );
  }
}
