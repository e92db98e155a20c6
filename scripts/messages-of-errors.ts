/**
 * An `onStackTrace` for Vitest, which prints what `toJSON()` of an error gives: for a `SluiceError` that is made for clients. This puts back the error's own
 * message, which is at the start of its stack.
 */
export function messagesOfErrors(error: { name?: string; message?: string; stack?: string }): void {
  if (error.name !== 'SluiceError') return;
  const [, message] = /^SluiceError: ([^]*?)(?=\n +at |$)/.exec(error.stack ?? '') ?? [];
  if (message !== undefined) error.message = message;
}
