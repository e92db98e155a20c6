import { Pipeline } from 'sluice';
import type { Middleware } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { createServer } from 'sluice/server';
import type { ServerOptions, SluiceServer } from 'sluice/server';
import { scripted } from 'sluice/testing';
import type { ScriptedAnswer, ScriptedProvider } from 'sluice/testing';

/** A server over a scripted model, with two callers. */
export interface Stage {
  server: SluiceServer;
  model: ScriptedProvider;
  pipeline: Pipeline;
  /** Makes a request in the process. `body`: it is a POST of JSON. */
  ask(path: string, options?: Ask): Promise<Response>;
}

/** What a request has. */
export interface Ask {
  method?: string;
  body?: unknown;
  /** The token; `''`: none. Default: that of ada. */
  as?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export const ADA = 'token-of-ada';
export const BOB = 'token-of-bob';

/** A server whose model plays these answers. */
export function stage(
  answers: ScriptedAnswer | ScriptedAnswer[],
  options: Partial<ServerOptions> = {},
  layers: Middleware[] = [],
): Stage {
  const model = scripted(answers);
  const pipeline = new Pipeline([...layers, provider(model)]);
  const server = createServer(pipeline, {
    auth: { tokens: { [ADA]: { id: 'ada', organizations: ['acme'] }, [BOB]: 'bob' } },
    ...options,
  });
  return {
    server,
    model,
    pipeline,
    ask: async (path, { method, body, as = ADA, headers = {}, signal } = {}) =>
      server.fetch(
        new Request(`http://localhost${path}`, {
          method: method ?? (body === undefined ? 'GET' : 'POST'),
          headers: {
            ...(body !== undefined && { 'content-type': 'application/json' }),
            ...(as !== '' && { authorization: `Bearer ${as}` }),
            ...headers,
          },
          ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
          ...(signal !== undefined && { signal }),
        }),
      ),
  };
}

/** The code of an error in an answer. */
export async function codeOf(response: Response): Promise<[status: number, code: unknown]> {
  const body: unknown = await response.json();
  const error: unknown = Reflect.get(Object(body), 'error');
  return [response.status, Reflect.get(Object(error), 'code')];
}
