import { SluiceError, checkParameters, terminal } from '../src/index.ts';
import type {
  Call,
  ExecutionContext,
  Middleware,
  ModelRequest,
  Parameters,
  Provider,
  ProviderCall,
} from '../src/index.ts';

/**
 * The terminal middleware: each run of it makes one call of `model` and streams its answer. It stands last in a stack.
 *
 * `defaults` are parameters for requests that do not set them. They are merged key by key, not deeply: a key that the request sets
 * replaces the whole default, one that is `undefined` there does not.
 *
 * Throws `invalid_options` when `model` is no provider or `defaults` are no parameters, naming every wrong field.
 *
 * @example
 * const pipeline = new Pipeline([provider(openai({ model: 'gpt-5-mini' }), { temperature: 0 })]);
 */
export function provider(model: Provider, defaults?: Parameters): Middleware {
  checkProvider(model);
  if (defaults !== undefined) checkParameters('provider(), second argument', defaults);
  const close = model.close === undefined ? undefined : async () => model.close?.();
  const { name } = model;
  return terminal({ name, provider: name, model: model.model, close }, function provider(context, call) {
    const request = defaults === undefined ? context.request : withDefaults(context.request, defaults);
    return model.stream(request, new CallOfLayer(context, call));
  });
}

/**
 * What the provider is told. Asked of the context when it is needed, so that a provider that needs no signal costs none. A class, since an object
 * with getters of its own costs a hidden class each.
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

function withDefaults(request: ModelRequest, defaults: Parameters): ModelRequest {
  const set = Object.entries(request.parameters).filter(([, value]) => value !== undefined);
  return { ...request, parameters: { ...defaults, ...Object.fromEntries(set) } };
}

function checkProvider(model: unknown): void {
  const isObject = typeof model === 'object' && model !== null;
  const lacks = (['name', 'model', 'stream'] as const).filter((key) => {
    const value: unknown = isObject ? Reflect.get(model, key) : undefined;
    return typeof value !== (key === 'stream' ? 'function' : 'string') || value === '';
  });
  if (lacks.length === 0) return;
  const mend =
    'give a provider such as openai() or demo(), or an object { name, model, stream(request, call) }';
  throw new SluiceError(
    'invalid_options',
    `provider(): what was given has no ${lacks.join(', no ')}: ${mend}.`,
  );
}
