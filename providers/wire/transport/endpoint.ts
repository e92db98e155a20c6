import type { Target } from './dispatch-fetch.ts';
import { targetOf } from './dispatch-fetch.ts';
import type { ProviderFetch } from './transport.ts';

/** What an SDK's `buildRequest()` makes of a request, as far as it is used. */
export interface BuiltRequest {
  url: string;
  req: { headers: Headers };
}

/** Sets of further headers whose targets are kept: a program has one or two. */
const MOST_KEPT = 32;

/**
 * One endpoint behind an SDK's client of our own. Address and headers are the SDK's, asked of it once for each set of further headers: they do not
 * depend on the body. What the SDK does beside (timers, signals, a log that is off) is done here already, and would cost more than all the
 * rest of a call: see docs/decisions/0008-what-a-call-costs.md.
 */
export class Endpoint {
  readonly #build: (headers: Record<string, string>) => Promise<BuiltRequest>;
  readonly #transport: ProviderFetch;
  readonly #targets = new Map<string, Target>();

  /** `build` asks the SDK for a request with these headers and some JSON body. */
  constructor(build: (headers: Record<string, string>) => Promise<BuiltRequest>, transport: ProviderFetch) {
    this.#build = build;
    this.#transport = transport;
  }

  /** Sends a body as JSON; the answer is not looked at. */
  async post(body: object, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    const key = JSON.stringify(headers);
    const target = this.#targets.get(key) ?? (await this.#make(key, headers));
    return this.#transport.post(target, JSON.stringify(body), signal);
  }

  async #make(key: string, headers: Record<string, string>): Promise<Target> {
    const { url, req } = await this.#build(headers);
    const target = targetOf(url, req.headers);
    if (this.#targets.size < MOST_KEPT) this.#targets.set(key, target);
    return target;
  }
}
