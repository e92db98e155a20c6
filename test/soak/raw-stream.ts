import { connect } from 'node:net';
import { once } from 'node:events';

/** A request whose answer is read as it comes. */
export interface RawRequest {
  url: string;
  method: 'GET' | 'POST';
  headers?: Readonly<Record<string, string>>;
  body?: string;
}

/** An answer in chunks. */
export interface RawAnswer {
  status: number;
  headers: ReadonlyMap<string, string>;
  /** The pieces of its body. Nothing is read of the connection while nobody asks for the next one. Who leaves the loop cuts the connection. */
  pieces: AsyncGenerator<Buffer, void>;
}

/** Sends a request over a connection of its own. Rejects if it breaks before the head of the answer is there. */
export async function rawStream({ url, method, headers = {}, body = '' }: RawRequest): Promise<RawAnswer> {
  const { hostname, port, pathname, search, host } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  const given = { host, connection: 'close', 'content-length': `${Buffer.byteLength(body)}`, ...headers };
  const lines = Object.entries(given).map(([name, value]) => `${name}: ${value}`);
  socket.write([`${method} ${pathname}${search} HTTP/1.1`, ...lines, '', body].join('\r\n'));
  const bytes = socket.iterator({ destroyOnReturn: true }) as AsyncIterableIterator<Buffer>;
  const rest = new Rest(bytes);
  const [first = '', ...head] = (await rest.upTo('\r\n\r\n')).split('\r\n');
  const pairs = head.map((line) => line.split(/: */, 2) as [string, string]);
  const named = new Map(pairs.map(([name, value]) => [name.toLowerCase(), value]));
  return { status: Number(first.split(' ')[1]), headers: named, pieces: chunks(rest) };
}

async function* chunks(rest: Rest): AsyncGenerator<Buffer, void> {
  try {
    for (;;) {
      let left = Number.parseInt(await rest.upTo('\r\n'), 16);
      if (!(left > 0)) return;
      while (left > 0) {
        const piece = await rest.atMost(left);
        left -= piece.length;
        yield piece;
      }
      await rest.upTo('\r\n');
    }
  } finally {
    await rest.leave();
  }
}

/** What of a connection is read and not taken yet. */
class Rest {
  readonly #bytes: AsyncIterableIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);

  constructor(bytes: AsyncIterableIterator<Buffer>) {
    this.#bytes = bytes;
  }

  /** The text before a mark, which is taken, too. */
  async upTo(mark: string): Promise<string> {
    for (;;) {
      const at = this.#held.indexOf(mark);
      if (at >= 0) {
        const text = this.#held.toString('latin1', 0, at);
        this.#held = this.#held.subarray(at + mark.length);
        return text;
      }
      this.#held = Buffer.concat([this.#held, await this.#more()]);
    }
  }

  async atMost(length: number): Promise<Buffer> {
    if (this.#held.length === 0) this.#held = await this.#more();
    const piece = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(piece.length);
    return piece;
  }

  async leave(): Promise<void> {
    await this.#bytes.return?.();
  }

  async #more(): Promise<Buffer> {
    const { done, value } = await this.#bytes.next();
    if (done === true) throw new Error('the connection ended');
    return value;
  }
}
