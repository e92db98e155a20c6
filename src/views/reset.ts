import type { ResetChunk } from '../chunks.ts';
import { SluiceError, isErrorCode, kindOf } from '../errors.ts';

/** A reset that voids something which a reader of a view has got. */
export interface ViewReset<Kept> {
  /** Why, as a rule the code of the error with which the attempt failed. */
  reason: string;
  /** All that the reader has got and that still stands, to take the place of what it has. */
  kept: Kept;
}

/** Options of a view of text. */
export interface TextOptions<Kept> {
  /**
   * Says that the reader can take text back. It is called when text that it has got is void, before the text that follows. Default: the view
   * ends with the error of the attempt.
   */
  onReset?(this: void, reset: ViewReset<Kept>): void;
}

/** Throws `invalid_options` unless `onReset` is a function or missing. */
export function checkTextOptions(name: string, options: TextOptions<never>): void {
  const isObject = typeof options === 'object' && options !== null;
  const onReset: unknown = isObject ? options.onReset : undefined;
  if (isObject && (onReset === undefined || typeof onReset === 'function')) return;
  const found = isObject ? `onReset is ${kindOf(onReset)}` : `options is ${kindOf(options)}`;
  throw new SluiceError('invalid_options', `${name}(options): ${found}: give { onReset } with a function.`);
}

/** The error of an attempt whose text cannot be taken back. */
export function attemptError({ reason }: ResetChunk): SluiceError {
  const isCode = isErrorCode(reason);
  const why = isCode ? ` (${reason})` : '';
  return new SluiceError(
    isCode ? reason : 'truncated',
    `An attempt failed${why} after a part of it was delivered, and the part is void: pass onReset to take it back and go on.`,
  );
}
