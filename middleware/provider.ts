import { SluiceError, checkParameters, terminal } from '../src/index.ts';
import type {
  Call,
  ExecutionContext,
  Middleware,
  OutputSupportOf,
  Parameters,
  Provider,
  ProviderCall,
} from '../src/index.ts';

/**
 * The terminal middleware, the last one of a stack: each run of it makes one call of `model` and streams the answer.
 *
 * `defaults` are parameters for requests that do not set them. They are merged key by key, not deeply: a key of the request replaces the whole
 * default, unless it is `undefined`.
 *
 * Throws `invalid_options` if `model` is not a provider or a field of `defaults` is wrong. It names every wrong field.
 *
 * @example
 * const pipeline = new Pipeline([provider(openai({ model: 'gpt-5-mini' }), { temperature: 0 })]);
 */
export function provider(model: Provider, defaults?: Parameters): Middleware {
  checkProvider(model);
  if (defaults !== undefined) checkParameters('provider(), second argument', defaults);
  const close = model.close === undefined ? undefined : async () => model.close?.();
  const { name, server } = model;
  const output: OutputSupportOf | undefined = model.output?.bind(model);
  const options = {
    name,
    provider: name,
    model: model.model,
    source: model,
    server,
    defaults,
    output,
    close,
  };
  return terminal(options, function provider(context, call) {
    return model.stream(context.request, new CallOfLayer(context, call));
  });
}

/**
 * What the provider gets with a request. It reads the context on demand, so that no signal is made for a provider that does not use one. It is a
 * class because each object literal with getters would have a hidden class of its own.
 */
class CallOfLayer implements ProviderCall {
  readonly call: Call;
  readonly #context: ExecutionContext;

  constructor(context: ExecutionContext, call: Call) {
    this.#context = context;
    this.call = call;
  }

  get signal(): AbortSignal {
    return this.#context.signal;
  }

  get deadline(): number | undefined {
    return this.#context.deadline;
  }

  readonly warn = (message: string): void => this.#context.warn(message);
}

function checkProvider(model: unknown): void {
  const isObject = typeof model === 'object' && model !== null;
  const lacks = (['name', 'model', 'stream'] as const).filter((key) => {
    const value: unknown = isObject ? Reflect.get(model, key) : undefined;
    return typeof value !== (key === 'stream' ? 'function' : 'string') || value === '';
  });
  if (lacks.length === 0) return;
  const advice =
    'give a provider such as openai() or demo(), or an object { name, model, stream(request, call) }';
  throw new SluiceError(
    'invalid_options',
    `provider(): what was given has no ${lacks.join(', no ')}: ${advice}.`,
  );
}
