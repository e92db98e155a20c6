import type { Nulls } from './nulls.ts';

/** The key of an object around an answer that is not an object itself. */
export const WRAPPER = 'value';

/** How the text of one attempt is read. */
export interface OutputForm {
  /** Where the JSON begins in the text, in characters. Undefined as long as it is not known. */
  start: number | undefined;
  /** Whether the value is under the key {@link WRAPPER} of an object. */
  wrapped: boolean;
  nulls: Nulls | undefined;
}

/** A checked element of an answer, or nothing if it does not match. */
export type CheckedElement = { value: unknown } | undefined;

/** Checks the elements of one array. */
export type ElementCheck = (element: unknown) => CheckedElement | Promise<CheckedElement>;

/** How the text of each call of an execution is read. */
export class OutputForms {
  readonly #forms = new Map<number, OutputForm>();
  /** Makes the check of the elements of the array under a key; of the answer itself if there is none. Set by the layer that checks the output. */
  elementCheck: ((key: string | undefined) => ElementCheck) | undefined;

  /** Says that the text of a call belongs to an attempt. */
  note(call: number, form: OutputForm): void {
    this.#forms.set(call, form);
  }

  /** Undefined for a call whose text is not the output. */
  of(call: number): OutputForm | undefined {
    return this.#forms.get(call);
  }
}
