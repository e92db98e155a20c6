import type { IncomingMessage } from 'node:http';
import { Http2ServerRequest } from 'node:http2';

/** How the calls of one client have arrived. */
export interface Use {
  /** `HTTP/2` or `HTTP/1.1`, or both. */
  protocols: string[];
  /** How many connections carried calls. */
  connections: number;
}

const found = new Map<string, { protocols: Set<string>; connections: Set<object> }>();

/** Notes a call. The first part of its path is the name of the client. */
export function note(request: IncomingMessage | Http2ServerRequest): void {
  const [, who = ''] = (request.url ?? '').split('/');
  const use = found.get(who) ?? { protocols: new Set(), connections: new Set() };
  found.set(who, use);
  use.protocols.add(request.httpVersionMajor === 2 ? 'HTTP/2' : `HTTP/${request.httpVersion}`);
  use.connections.add(
    request instanceof Http2ServerRequest ? (request.stream.session ?? request.stream) : request.socket,
  );
}

/** What was noted by name, and starts again. */
export function takeUses(): Record<string, Use> {
  const uses = [...found].map(([who, { protocols, connections }]): [string, Use] => [
    who,
    { protocols: [...protocols].toSorted(), connections: connections.size },
  ]);
  found.clear();
  return Object.fromEntries(uses);
}
