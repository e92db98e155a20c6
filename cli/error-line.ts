import { isSluiceError, type SluiceError } from '../src/index.ts';
import { scrub } from '../src/kit/index.ts';
import { PRESETS, presetNames } from '../providers/openai/shared.ts';
import type { Preset } from '../providers/openai/shared.ts';
import { oneLine } from './clean-text.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { UsageError } from './usage-error.ts';

/** What the hint of an error may mention. */
export interface ErrorSetting {
  environment: Readonly<Record<string, string | undefined>>;
  /** The environment variable that holds the key in use. */
  keyName?: string | undefined;
  /** Where requests go. */
  baseURL?: string | undefined;
}

const KEY_NAMES = [
  'OPENAI_API_KEY',
  'ANTHROPIC_API_KEY',
  ...presetNames.map((name): Preset => PRESETS[name]).flatMap(({ keyVariable }) => keyVariable ?? []),
];

/** An error on one line: its code, its message, and what the user can do. Never a stack, never a key. */
export function errorLine(error: unknown, setting: ErrorSetting): string {
  const message = error instanceof Error ? error.message : String(error);
  if (!isSluiceError(error)) {
    const what = error instanceof UsageError ? 'error' : 'error: unexpected';
    return withoutKeys(`${what}: ${oneLine(message)}`, setting.environment);
  }
  const request = error.requestId === undefined ? '' : ` (request ${oneLine(error.requestId, 100)})`;
  const hint = hintFor(error, setting);
  const line = `error: ${error.code}: ${oneLine(message)}${request}${hint === undefined ? '' : ` ${hint}`}`;
  return withoutKeys(line, setting.environment);
}

/** What failed first: closing what was open may have failed after it. */
export function firstFailure(error: unknown): unknown {
  // Node 22 has no class of this name.
  const isLater = error instanceof Error && error.name === 'SuppressedError' && 'suppressed' in error;
  return isLater ? firstFailure(error.suppressed) : error;
}

/** The exit code of an error. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError) return exitCodes.usage;
  return isSluiceError(error) && error.code === 'invalid_options' ? exitCodes.usage : exitCodes.failed;
}

/** Removes keys from a text: those in the environment, and what looks like one. Providers do this too; this covers everything else that is printed. */
export function withoutKeys(text: string, environment: ErrorSetting['environment']): string {
  return scrub(
    text,
    KEY_NAMES.map((name) => environment[name] ?? ''),
  );
}

function hintFor(error: SluiceError, { keyName, baseURL }: ErrorSetting): string | undefined {
  const soon = error.retryAfterMs === undefined ? '' : ` in ${Math.ceil(error.retryAfterMs / 1000)} s`;
  switch (error.code) {
    case 'authentication':
      return keyName === undefined ? 'Does the server need a key?' : `Is ${keyName} correct?`;
    case 'permission':
      return keyName === undefined ? undefined : `The key in ${keyName} does not have permission for this.`;
    case 'not_found':
      return 'Choose another model with --model, or fix --base-url.';
    case 'rate_limited':
    case 'overloaded':
    case 'server':
      return `Try again${soon}.`;
    case 'network':
      return `Can ${baseURL === undefined ? 'the provider' : originOf(baseURL)} be reached from here?`;
    case 'truncated':
    case 'timeout':
      return 'Try again.';
    case 'context_length':
      return 'The conversation is too long for the model: start a new one.';
    case 'store':
      return error.cause instanceof Error ? `The cause: ${oneLine(error.cause.message)}.` : undefined;
    default:
      return undefined;
  }
}

/** The address without path and credentials. */
function originOf(baseURL: string): string {
  return URL.canParse(baseURL) ? new URL(baseURL).origin : 'the address';
}
