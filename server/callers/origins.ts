import { RequestError } from '../requests/request-error.ts';

/** The names of this machine in URLs. */
export const LOOPBACK_HOSTS: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

/** Whether a name or an address is of this machine alone. */
export function isLoopback(host: string): boolean {
  return LOOPBACK_HOSTS.includes(host) || host === '::1';
}

/** Which hosts and origins a server knows. It is asked before anything else. */
export class Origins {
  readonly #hosts: ReadonlySet<string> | undefined;
  readonly #origins: Set<string>;

  /** `hosts`: the names that requests may be sent to; undefined: any. */
  constructor(hosts: readonly string[] | undefined, origins: readonly string[]) {
    this.#hosts = hosts && new Set(hosts.map((host) => host.toLowerCase()));
    this.#origins = new Set(origins);
  }

  /** Adds the server's own origins, once it is known where it listens. */
  addOwn(origins: readonly string[]): void {
    for (const origin of origins) this.#origins.add(origin);
  }

  /** Whether a page of this origin may call. */
  knows(origin: string): boolean {
    return this.#origins.has(origin);
  }

  /** Throws if the request was sent to a name that is not one of the server's: a page may have made its own name point here. */
  checkHost(request: Request): void {
    if (this.#hosts === undefined) return;
    const { hostname, host } = new URL(request.url);
    if (this.#hosts.has(hostname.toLowerCase()) || this.#hosts.has(host.toLowerCase())) return;
    throw new RequestError('invalid_request', 'The server does not answer for this host.', { status: 421 });
  }

  /**
   * Throws if a page of an origin that is not known sent the request: a browser sends a GET, a socket and a POST without a body, whatever page asks for it. A request without an
   * origin does not come from a page. A browser names the origin of a POST to the page's own server, too, and says that it is the same.
   */
  checkOrigin(method: string, headers: Headers): void {
    const origin = headers.get('origin');
    if (origin !== null && this.knows(origin)) return;
    if (origin !== null && method === 'GET') throw refused();
    const site = headers.get('sec-fetch-site');
    if (site !== null && site !== 'same-origin' && site !== 'none') throw refused();
  }
}

function refused(): RequestError {
  return new RequestError('permission', 'Pages of this origin may not call the server.', { status: 403 });
}
