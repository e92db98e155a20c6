import { end, SluiceError, Stream } from '../src/index.ts';
import type {
  BatchSource,
  End,
  ModelRequest,
  OutputSupport,
  Provider,
  ProviderCall,
  Reply,
  StreamChunk,
} from '../src/index.ts';
import { onAbort } from '../src/kit/index.ts';
import { pass } from './manual-gate.ts';
import { scriptOf } from './scripted-reply.ts';
import type { Script, ScriptedAnswer } from './scripted-reply.ts';

/** Options of {@link scripted}. */
export interface ScriptedOptions {
  /** The provider's name. It selects prices and `providerOptions`. Default `scripted`. */
  readonly name?: string;
  /** The model's name. Default `scripted`. */
  readonly model?: string;
  /** How it can be made to answer in a given shape. Default: the schema is put into the prompt. */
  readonly output?: OutputSupport;
  /** Whether the last reply also answers all further calls. Default false: a call without a reply is an error. */
  readonly repeat?: boolean;
}

/** One call to a scripted provider, and how it went. */
export interface ScriptedCall {
  /** Calls are numbered from 1, in the order of their first reads. */
  readonly number: number;
  readonly request: ModelRequest;
  readonly signal: AbortSignal;
  /**
   * `open` from the first read on. At the end, `completed` with its reply, `failed` with its scripted error, or `closed` by its
   * reader or its signal.
   */
  readonly state: 'open' | 'completed' | 'failed' | 'closed';
  /** How many chunks have been read so far. */
  readonly chunks: number;
  /** The error it was closed or failed with. */
  readonly error: Error | undefined;
}

/** A provider that plays a script and records the requests it gets. */
export interface ScriptedProvider extends Provider {
  /** The requests of all calls so far. */
  readonly requests: readonly ModelRequest[];
  /** All calls so far. A stream counts as a call once it has been read. */
  readonly calls: readonly ScriptedCall[];
  /** How many calls are in progress. */
  readonly openCalls: number;
  /** How many times the provider was closed. */
  readonly closed: number;
  /** Waits for the first read of the next call that no earlier `nextCall()` has returned. */
  nextCall(): Promise<ScriptedCall>;
  /** Adds replies for further calls. */
  enqueue(...answers: ScriptedAnswer[]): void;
  close(): Promise<void>;
  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * An in-memory provider for tests. It answers each call with the next reply of its script and uses no timers and no network. A call
 * without a reply fails with `invalid_options`, which is never retried.
 *
 * Throws `invalid_options` if a reply cannot be played.
 *
 * @example
 * const model = scripted([{ error: new SluiceError('overloaded', 'Busy.') }, 'Hello world']);
 * const pipeline = new Pipeline([retry({ backoff: constant(0) }), provider(model)]);
 * expect((await pipeline.execute('user', 'Hi')).response.content).toBe('Hello world');
 * expect(model.calls.map(({ state }) => state)).toEqual(['failed', 'completed']);
 */
export function scripted(
  answers: ScriptedAnswer | readonly ScriptedAnswer[],
  options: ScriptedOptions = {},
): ScriptedProvider {
  const { name = 'scripted', model = 'scripted', repeat = false } = options;
  const scripts: ((request: ModelRequest, call: number) => Script)[] = [];
  const calls: CallRecord[] = [];
  const unseen: CallRecord[] = [];
  const askers: ((call: ScriptedCall) => void)[] = [];
  let closed = 0;

  function enqueue(...more: ScriptedAnswer[]): void {
    for (const answer of more) {
      if (typeof answer === 'function') {
        scripts.push((request, call) => scriptOf(answer(request, call), { name, model }));
        continue;
      }
      const script = scriptOf(answer, { name, model });
      scripts.push(() => script);
    }
  }

  function close(): Promise<void> {
    closed++;
    return Promise.resolve();
  }

  function begin(request: ModelRequest, call: ProviderCall): BatchSource<StreamChunk, Reply> {
    const record = new CallRecord(calls.length + 1, request, call.signal);
    const make = scripts[calls.length] ?? (repeat ? scripts.at(-1) : undefined);
    calls.push(record);
    const asker = askers.shift();
    if (asker === undefined) unseen.push(record);
    else asker(record);
    return new ScriptedSource(
      make?.(request, record.number) ?? tooMany(record.number, scripts.length),
      call,
      record,
    );
  }

  enqueue(...(isList(answers) ? answers : [answers]));

  const { output } = options;
  return {
    name,
    model,
    ...(output !== undefined && { output: () => output }),
    get requests() {
      return calls.map(({ request }) => request);
    },
    get calls() {
      return calls;
    },
    get openCalls() {
      return calls.filter(({ state }) => state === 'open').length;
    },
    get closed() {
      return closed;
    },
    stream: (request, call) => Stream.fromSource(() => begin(request, call)),
    nextCall() {
      const call = unseen.shift();
      return call === undefined ? new Promise((resolve) => askers.push(resolve)) : Promise.resolve(call);
    },
    enqueue,
    close,
    [Symbol.asyncDispose]: close,
  };
}

class CallRecord implements ScriptedCall {
  readonly number: number;
  readonly request: ModelRequest;
  readonly signal: AbortSignal;
  state: ScriptedCall['state'] = 'open';
  chunks = 0;
  error: Error | undefined;

  constructor(number: number, request: ModelRequest, signal: AbortSignal) {
    this.number = number;
    this.request = request;
    this.signal = signal;
  }
}

/** Plays one script. */
class ScriptedSource implements BatchSource<StreamChunk, Reply> {
  readonly #script: Script;
  readonly #call: ProviderCall;
  readonly #record: CallRecord;
  readonly #stopped = Promise.withResolvers<never>();
  readonly #listening: Disposable | undefined;
  #reads = 0;

  constructor(script: Script, call: ProviderCall, record: CallRecord) {
    this.#script = script;
    this.#call = call;
    this.#record = record;
    this.#stopped.promise.catch(() => undefined); // no read may be waiting for it
    this.#listening = onAbort(call.signal, () => {
      const { reason } = call.signal;
      this.close(new SluiceError('aborted', 'The call was aborted.', { cause: reason }));
    });
  }

  pull(): readonly StreamChunk[] | End<Reply> | Promise<readonly StreamChunk[] | End<Reply>> {
    const { state } = this.#record;
    if (state !== 'open') return this.#stopped.promise;
    return this.#script.gate === undefined ? this.#step() : this.#held();
  }

  close(error: Error): void {
    if (this.#record.state !== 'open') return;
    this.#settle('closed', error);
    this.#stopped.reject(error);
  }

  async #held(): Promise<readonly StreamChunk[] | End<Reply>> {
    await Promise.race([pass(this.#script.gate, this.#reads), this.#stopped.promise]);
    return this.#step();
  }

  #step(): readonly StreamChunk[] | End<Reply> | Promise<never> {
    const batch = this.#script.batches[this.#reads++];
    if (batch !== undefined) {
      this.#record.chunks += batch.length;
      // An execution numbers its chunks in place, so that no two calls may share one.
      return batch.map((chunk) => ({ ...chunk }));
    }
    const { ending } = this.#script;
    if (ending === 'hang') return this.#stopped.promise;
    if ('error' in ending) {
      if (ending.usage !== undefined) this.#call.call.usage = ending.usage;
      this.#settle('failed', ending.error);
      throw ending.error;
    }
    this.#settle('completed');
    this.#call.call.usage = ending.reply.usage;
    return end({ ...ending.reply });
  }

  #settle(state: ScriptedCall['state'], error?: Error): void {
    this.#record.state = state;
    this.#record.error = error;
    this.#listening?.[Symbol.dispose]();
  }
}

function tooMany(call: number, scripted: number): Script {
  const replies = scripted === 1 ? '1 reply is' : `${scripted} replies are`;
  const message = `scripted(): call ${call} has no reply, ${replies} scripted. Add one, or set repeat.`;
  return { batches: [], gate: undefined, ending: { error: new SluiceError('invalid_options', message) } };
}

function isList(answers: ScriptedAnswer | readonly ScriptedAnswer[]): answers is readonly ScriptedAnswer[] {
  return Array.isArray(answers);
}
