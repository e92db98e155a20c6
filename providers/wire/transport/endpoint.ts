import { targetOf, type Target } from './plain-request.ts';
import type { ProviderFetch } from './transport.ts';

/** The part of the result of an SDK's `buildRequest()` that is used. */
export interface BuiltRequest {
  url: string;
  req: { headers: Headers };
}

/** How many sets of additional headers are cached. A program has one or two. */
const MAX_TARGETS = 32;

/**
 * One endpoint of an SDK's client. The SDK makes the address and the headers, once for each set of additional headers,
 * because they do not depend on the body. The rest of the SDK's work (timers, signals, a log that is off) is done
 * elsewhere, and would cost more than all other work of a call: see docs/decisions/0008-what-a-call-costs.md.
 */
export class Endpoint {
  readonly #build: (headers: Record<string, string>) => Promise<BuiltRequest>;
  readonly #transport: ProviderFetch;
  readonly #targets = new Map<string, Target>();

  /** `build` asks the SDK for a request with these headers and any JSON body. */
  constructor(build: (headers: Record<string, string>) => Promise<BuiltRequest>, transport: ProviderFetch) {
    this.#build = build;
    this.#transport = transport;
  }

  /** Sends a body as JSON. It does not look at the response. */
  async post(body: object, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    const key = JSON.stringify(headers);
    const target = this.#targets.get(key) ?? (await this.#make(key, headers));
    return this.#transport.post(target, JSON.stringify(body), signal);
  }

  async #make(key: string, headers: Record<string, string>): Promise<Target> {
    const { url, req } = await this.#build(headers);
    const target = targetOf(url, req.headers);
    if (this.#targets.size < MAX_TARGETS) this.#targets.set(key, target);
    return target;
  }
}
