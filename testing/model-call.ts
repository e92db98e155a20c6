import { terminal } from '../src/index.ts';
import type { Call, Middleware, ModelRequest, Provider, ProviderCall } from '../src/index.ts';

/** A terminal middleware that calls a provider. */
export function modelCall(model: Provider): Middleware {
  return terminal({ name: model.name }, function callModel(context, call) {
    call.provider = model.name;
    call.model ??= model.model;
    return model.stream(context.request, {
      signal: context.signal,
      deadline: context.deadline,
      call,
      warn: (message) => context.warn(message),
    });
  });
}

/** A call to a provider outside of any pipeline, with the warnings the provider gave. */
export interface DirectCall extends ProviderCall {
  readonly warnings: readonly string[];
}

/**
 * Makes the second argument of a provider's `stream(request, call)`, for tests that call a provider directly.
 *
 * @example
 * const call = directCall(request);
 * for await (const chunk of provider.stream(request, call)) chunks.push(chunk);
 * expect(call.call.usage?.outputTokens).toBe(8);
 */
export function directCall(
  request: ModelRequest,
  signal: AbortSignal = new AbortController().signal,
): DirectCall {
  const warnings: string[] = [];
  const call: Call = {
    number: 1,
    request,
    span: {
      span: { id: 'direct', kind: 'call', name: 'direct', startMs: 0, attributes: {} },
      set: () => undefined,
      end: () => undefined,
    },
    provider: undefined,
    model: undefined,
    usage: undefined,
    serviceTier: undefined,
    cost: undefined,
    outputCharacters: 0,
    alive: () => undefined,
  };
  return { signal, deadline: undefined, call, warnings, warn: (message) => void warnings.push(message) };
}
