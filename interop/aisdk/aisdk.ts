import { Stream } from '../../src/index.ts';
import type { Provider } from '../../src/index.ts';
import type { AISDKModel } from './model.ts';
import { aisdkSettings } from './options.ts';
import type { AISDKOptions } from './options.ts';
import { ModelSource } from './reply/source.ts';
import { callOptions, originOfModel } from './request/call-options.ts';

/**
 * A language model of the Vercel AI SDK as a provider: any model of an `@ai-sdk/*` package with specification V3 or V4.
 *
 * What a provider wants back (signatures of thinking, ids of items) is kept with the reply and goes back with the next turn, to the same model only.
 * What the model cannot take is a warning, or an `invalid_request` error with `strict`. The model makes one request per call, without retries. It
 * belongs to the caller: there is nothing to close. Throws `invalid_options` for a model of another specification.
 *
 * @example
 * import { google } from '@ai-sdk/google';
 * const pipeline = new Pipeline([retry(), provider(aisdk(google('gemini-3-flash')))]);
 */
export function aisdk(model: AISDKModel, options: AISDKOptions = {}): Provider {
  const settings = aisdkSettings(model, options);
  const { name, limits, secrets } = settings;
  const origin = originOfModel(model);
  return {
    name,
    model: model.modelId,
    stream(request, call) {
      return Stream.fromSource(
        () =>
          new ModelSource({
            ...{ model, provider: name, call, limits, origin, secrets },
            strict: request.parameters.strict ?? settings.strict,
            keepRaw: request.parameters.includeRaw === true,
            options: () => callOptions({ model, settings, origin, request, call }),
          }),
      );
    },
  };
}
