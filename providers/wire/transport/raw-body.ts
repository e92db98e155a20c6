import { SluiceError } from '../../../src/index.ts';
import { Timer } from '../../../src/kit/index.ts';

/** A body's bytes as they come. The reader asks for them. No promise is made, and nothing is buffered twice. */
export interface RawBody {
  /**
   * The parts that came since the last call, oldest first. Empty if there are none, undefined at the end. Throws the error
   * that broke the body, after all parts before it were taken.
   */
  take(): readonly Uint8Array[] | undefined;
  /**
   * Reads on, and calls `wake` when `take()` has something to return, at once if it already has. Only one caller may wait
   * at a time.
   */
  wait(wake: () => void): void;
  /** Releases the socket, and drops what has not been taken. Idempotent. */
  cancel(reason?: unknown): void;
}

/** The key under which a response of ours carries its {@link RawBody}. */
export const RAW_BODY: unique symbol = Symbol('sluice.rawBody');

const NOTHING: readonly Uint8Array[] = [];

/** Resolves when `take()` of a body has something to return. */
export function readyOf(body: RawBody): Promise<void> {
  return new Promise((resolve) => body.wait(resolve));
}

/** The bytes of a response, either of our transport or of any other `fetch`. */
export function rawBodyOf(response: Response): RawBody {
  if (RAW_BODY in response && isRawBody(response[RAW_BODY]) && !response.bodyUsed) return response[RAW_BODY];
  if (response.body === null) return new PulledBody(nothing);
  const reader = response.body.getReader();
  return new PulledBody(
    async function next() {
      const result = await reader.read();
      return result.done ? undefined : bytesOf(result.value);
    },
    function cancel(reason) {
      // A broken body rejects its cancel with the error that the reader already has.
      reader.cancel(reason).catch(ignore);
    },
  );
}

function isRawBody(value: unknown): value is RawBody {
  return typeof value === 'object' && value !== null && 'take' in value && 'wait' in value;
}

async function nothing(): Promise<undefined> {
  return undefined;
}

function ignore(): void {
  return undefined;
}

function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  // Some polyfills of `fetch` return strings.
  if (typeof value === 'string') return new TextEncoder().encode(value);
  throw new SluiceError(
    'protocol',
    'The response body holds something other than bytes: check the fetch that was passed.',
  );
}

/** A body over a function that returns the next bytes. It calls the function only if somebody waits, and once at a time. */
export class PulledBody implements RawBody {
  readonly #next: () => Promise<Uint8Array | undefined>;
  readonly #cancel: ((reason: unknown) => void) | undefined;
  #bytes: Uint8Array | undefined;
  #failure: { error: unknown } | undefined;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(next: () => Promise<Uint8Array | undefined>, cancel?: (reason: unknown) => void) {
    this.#next = next;
    this.#cancel = cancel;
  }

  take(): readonly Uint8Array[] | undefined {
    const bytes = this.#bytes;
    if (bytes !== undefined) {
      this.#bytes = undefined;
      return [bytes];
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#ended ? undefined : NOTHING;
  }

  wait(wake: () => void): void {
    if (this.#bytes !== undefined || this.#failure !== undefined || this.#ended) {
      wake();
      return;
    }
    this.#wake = wake;
    this.#next().then(this.#received, this.#failed);
  }

  cancel(reason?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#bytes = undefined;
    this.#cancel?.(reason);
    this.#awaken();
  }

  readonly #received = (bytes: Uint8Array | undefined): void => {
    if (bytes === undefined) this.#ended = true;
    else if (!this.#ended) this.#bytes = bytes;
    this.#awaken();
  };

  readonly #failed = (error: unknown): void => {
    this.#failure ??= { error };
    this.#awaken();
  };

  #awaken(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

/** The most bytes and milliseconds that {@link drain} spends on the rest of a body. */
const DRAIN_BYTES = 64 * 1024;
const DRAIN_MS = 500;

/**
 * Reads and drops the short rest of a body that is about to end, so that its connection can be reused. A body that does not
 * end is cancelled.
 */
export function drain(body: RawBody): void {
  let left = DRAIN_BYTES;
  function takeAll(): boolean {
    for (;;) {
      const parts = body.take();
      if (parts === undefined) return true;
      if (parts.length === 0) return false;
      for (const part of parts) left -= part.length;
      if (left < 0) {
        body.cancel();
        return true;
      }
    }
  }
  async function drainSlowly(): Promise<void> {
    const timer = new Timer(() => body.cancel(), { keepAlive: false });
    timer.start(DRAIN_MS);
    try {
      do await readyOf(body);
      while (!takeAll());
    } catch {
      // The reply is complete: an error of its connection after the end does not matter.
      body.cancel();
    } finally {
      timer.stop();
    }
  }
  try {
    if (!takeAll()) void drainSlowly();
  } catch {
    body.cancel();
  }
}

/** How many bytes are read of a body that only explains an error. */
export const MAX_ERROR_BODY_BYTES = 1024 * 1024;

/**
 * How long the body of an error is read, in milliseconds: without a byte, and in all. The status and the headers say what failed; the body only
 * explains it, and comes with them or not at all.
 */
export const ERROR_BODY_MS: ReadLimits = { silence: 500, total: 2_000 };

/** What could be read of a body. */
export interface ReadText {
  text: string;
  /** Whether this is all of it. */
  whole: boolean;
  /** The error that broke it off. */
  failure?: unknown;
}

/** How long a body is read, in milliseconds: without a byte, and in all. */
export interface ReadLimits {
  silence: number;
  total: number;
}

/** The rest of a body as text. A body with more than `maxBytes`, or that takes longer than `limits`, is cut and cancelled. Never rejects. */
export async function readText(body: RawBody, maxBytes: number, limits?: ReadLimits): Promise<ReadText> {
  const decoder = new TextDecoder();
  let text = '';
  let left = maxBytes;
  let tooLate = false;
  function stop(): void {
    tooLate = true;
    body.cancel();
  }
  using silence = new Timer(stop);
  using total = new Timer(stop);
  if (limits !== undefined) total.start(limits.total);
  try {
    for (;;) {
      const parts = tooLate ? undefined : body.take();
      if (parts === undefined) return { text: text + decoder.decode(), whole: !tooLate };
      for (const part of parts) {
        text += decoder.decode(part.subarray(0, left), { stream: true });
        left -= part.length;
        if (left < 0) {
          body.cancel();
          return { text, whole: false };
        }
      }
      if (limits !== undefined && (parts.length > 0 || !silence.running)) silence.start(limits.silence);
      if (parts.length === 0) await readyOf(body);
    }
  } catch (failure) {
    return { text, whole: false, failure };
  }
}
