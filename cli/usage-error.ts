/** An error that the user can fix in the command line or the environment. Nothing was sent. Exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
