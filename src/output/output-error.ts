import { SluiceError } from '../errors.ts';

/** What is wrong at one place of an answer. */
export interface OutputIssue {
  /** Where: keys and indices, from the outside. Empty: the whole answer. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** What is known of an answer that cannot be the output. */
export interface OutputFault {
  /** The model's own word for why it ended early: `length`, `refusal` or `content_filter`. */
  reason?: string | undefined;
  issues?: readonly OutputIssue[];
  /** The text of the answer. */
  text?: string;
  /** What the text says, as far as it could be read. */
  value?: unknown;
}

/**
 * The answer is not what the schema asks for. Its code is `output`. `partial` has all that came, like that of each error.
 *
 * `text` and `value` are not enumerable: whoever prints or logs the error does not print the answer with it.
 */
export class OutputError extends SluiceError {
  readonly issues: readonly OutputIssue[];
  /** The text of the last answer. */
  declare readonly text: string;
  /** What it says, as far as it could be read, unchecked. */
  declare readonly value: unknown;

  constructor(message: string, { reason, issues = [], text = '', value }: OutputFault = {}) {
    super('output', message, { reason });
    this.issues = issues;
    Object.defineProperty(this, 'text', { value: text });
    Object.defineProperty(this, 'value', { value });
  }
}
