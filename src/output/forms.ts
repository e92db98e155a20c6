import type { Nulls } from './nulls.ts';

/** The key of an object around an answer that is not an object itself. */
export const WRAPPER = 'value';

/** How the text of one attempt is read. */
export interface OutputForm {
  /** Where the JSON is looked for in the text, in characters. It may move on as the text comes: what is before it was not the answer then. */
  start: number;
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
  readonly #plain: OutputForm | undefined;

  /** `plain`: how the text of all calls is read, whoever made them. */
  constructor(plain?: OutputForm) {
    this.#plain = plain;
  }

  /** Says that the text of a call belongs to an attempt. */
  note(call: number, form: OutputForm): void {
    this.#forms.set(call, form);
  }

  /** Undefined for a call whose text is not the output. */
  of(call: number): OutputForm | undefined {
    return this.#forms.get(call) ?? this.#plain;
  }

  /** Whether the text of a call that comes later may be the answer although it is read in the same way. */
  get isPlain(): boolean {
    return this.#plain !== undefined;
  }
}

/** Reads streams from elsewhere, whose text is the JSON itself. Nothing is checked. */
export function plainForms(): OutputForms {
  const forms = new OutputForms({ start: 0, wrapped: false, nulls: undefined });
  forms.elementCheck = () => (value) => ({ value });
  return forms;
}
