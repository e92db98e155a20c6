import type { ContentChunk, ThinkingChunk } from '../../src/index.ts';
import { sealedBlock } from './sealed-block.ts';

/** One chunk of the UI message stream, as plain JSON. */
export type UiChunk = { type: string } & Record<string, unknown>;

/** What of a message a reset voids: nothing that was shown, exactly the step that is open, or something else. */
export type ResetScope = 'nothing' | 'step' | 'more';

interface OpenPart {
  kind: 'text' | 'reasoning';
  id: string;
}

/**
 * The steps of a message, and the text and reasoning in them. A step is one round of the model: it ends when the model speaks again after results of tools. Ids are made of
 * the position that opened a part.
 */
export class UiParts {
  #open: OpenPart | undefined;
  #hasStep = false;
  /** How many steps were begun. */
  steps = 0;
  /** Results of tools have come in this step. */
  #hasResults = false;
  /** The numbers of what was shown in the open step, and before it. */
  #calls = new Set<number>();
  readonly #before = new Set<number>();

  text({ content }: ContentChunk, position: number, call: number, out: UiChunk[]): void {
    if (content === '') return;
    this.#begin('text', position, call, out);
    this.#delta(content, out);
  }

  thinking({ content, block }: ThinkingChunk, position: number, call: number, out: UiChunk[]): void {
    const sealed = block === undefined ? undefined : sealedBlock(block);
    if (content !== '' || sealed !== undefined) this.#begin('reasoning', position, call, out);
    if (content !== '') this.#delta(content, out);
    if (block === undefined) return;
    // It goes into the history of the page, and comes back with it.
    this.close(out, sealed === undefined ? {} : { providerMetadata: { sluice: { block: sealed } } });
  }

  /** A part that comes at once. */
  whole(part: UiChunk, call: number, out: UiChunk[]): void {
    this.close(out);
    this.round(call, out);
    out.push(part);
  }

  /** The model speaks: opens a step, and a new one after results. */
  round(call: number, out: UiChunk[]): void {
    if (this.#hasResults) this.finishStep(out);
    if (!this.#hasStep) {
      out.push({ type: 'start-step' });
      this.#hasStep = true;
      this.steps += 1;
    }
    this.#calls.add(call);
  }

  /** The result of a tool has come. It belongs to the step of its call. */
  resulted(call: number): void {
    if (!this.#hasStep) return;
    this.#hasResults = true;
    this.#calls.add(call);
  }

  /** Ends the open part, if there is one. */
  close(out: UiChunk[], more: Record<string, unknown> = {}): void {
    if (this.#open === undefined) return;
    const { kind, id } = this.#open;
    out.push({ type: `${kind}-end`, id, ...more });
    this.#open = undefined;
  }

  finishStep(out: UiChunk[]): void {
    if (!this.#hasStep) return;
    this.close(out);
    out.push({ type: 'finish-step' });
    for (const call of this.#calls) this.#before.add(call);
    this.#begun();
    this.#hasStep = false;
  }

  scopeOf(isVoid: (call: number) => boolean): ResetScope {
    if ([...this.#before].some(isVoid)) return 'more';
    const voided = [...this.#calls].filter(isVoid);
    if (voided.length === 0) return 'nothing';
    return voided.length === this.#calls.size ? 'step' : 'more';
  }

  /** The client drops the parts of the open step, open ones too. */
  resetStep(): void {
    this.#open = undefined;
    this.#begun();
  }

  #begun(): void {
    this.#hasResults = false;
    this.#calls = new Set();
  }

  #begin(kind: OpenPart['kind'], position: number, call: number, out: UiChunk[]): void {
    if (this.#open?.kind !== kind || this.#hasResults) {
      this.close(out);
      this.round(call, out);
      this.#open = { kind, id: `${kind}-${position}` };
      out.push({ type: `${kind}-start`, id: this.#open.id });
    } else this.round(call, out);
  }

  #delta(delta: string, out: UiChunk[]): void {
    if (this.#open !== undefined) out.push({ type: `${this.#open.kind}-delta`, id: this.#open.id, delta });
  }
}
