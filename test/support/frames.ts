import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';

/** The types of frames (RFC 9113, section 6). */
export const FRAME = {
  DATA: 0,
  HEADERS: 1,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

/** The flags of frames. `ACK` is one of SETTINGS and PING, `END_STREAM` one of DATA and HEADERS. */
export const FLAG = { ACK: 1, END_STREAM: 1, END_HEADERS: 4 } as const;

/** The names of settings (RFC 9113, section 6.5.2). */
export const SETTING = { MAX_CONCURRENT_STREAMS: 3, INITIAL_WINDOW_SIZE: 4, MAX_FRAME_SIZE: 5 } as const;

/** The codes of RST_STREAM and GOAWAY (RFC 9113, section 7), by number. */
export const CODES = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
] as const;

/** One frame. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const HEAD_BYTES = 9;

/** One side of an HTTP/2 connection that a test plays by hand, frame by frame. It acknowledges settings and answers pings. */
export class FramePeer {
  readonly socket: TLSSocket;
  /** All frames that the other side has sent, oldest first. */
  readonly received: Frame[] = [];
  /** Whether pings are answered. */
  answersPings = true;
  /** How the connection ended: `end` (FIN) or the code of an error. */
  readonly ended: Promise<string>;
  readonly #waiting = new Set<() => void>();
  #unread: Buffer = Buffer.alloc(0);
  readonly #returned = new Set<Frame>();

  constructor(socket: TLSSocket, { prefaceBytes = 0 } = {}) {
    this.socket = socket;
    let preface = prefaceBytes;
    socket.on('data', (bytes: Buffer) => {
      const skipped = Math.min(preface, bytes.length);
      preface -= skipped;
      this.#read(bytes.subarray(skipped));
    });
    this.ended = new Promise((resolve) => {
      socket.once('error', (error) => resolve('code' in error ? String(error.code) : error.message));
      socket.once('end', () => resolve('end'));
      socket.once('close', () => resolve('closed'));
    });
    socket.on('error', () => undefined);
  }

  /** Resolves with the first frame of a type that fits, and that no earlier call has returned. */
  async next(type: number, fits: (frame: Frame) => boolean = () => true): Promise<Frame> {
    const isNext = (frame: Frame): boolean =>
      frame.type === type && !this.#returned.has(frame) && fits(frame);
    for (;;) {
      const frame = this.received.find(isNext);
      if (frame === undefined) await this.arrival();
      else {
        this.#returned.add(frame);
        return frame;
      }
    }
  }

  /** Resolves when another frame has arrived. */
  async arrival(): Promise<void> {
    await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  send(type: number, streamId: number, payload: Buffer = Buffer.alloc(0), flags = 0): void {
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(streamId, 5);
    this.socket.write(Buffer.concat([head, payload]));
  }

  settings(values: Readonly<Partial<Record<keyof typeof SETTING, number>>> = {}): void {
    const entries = Object.entries(SETTING).flatMap(([name, id]) => {
      const value = Object.entries(values).find(([given]) => given === name)?.[1];
      if (value === undefined) return [];
      const entry = Buffer.alloc(6);
      entry.writeUInt16BE(id, 0);
      entry.writeUInt32BE(value, 2);
      return [entry];
    });
    this.send(FRAME.SETTINGS, 0, Buffer.concat(entries));
  }

  /** Sends status 200 with the content type of an event stream, in HPACK without Huffman codes. */
  respond(streamId: number): void {
    const type = Buffer.from('text/event-stream');
    const block = Buffer.concat([Buffer.from([0x88, 0x0f, 0x10, type.length]), type]);
    this.send(FRAME.HEADERS, streamId, block, FLAG.END_HEADERS);
  }

  /** Sends a POST request without a body. */
  request(streamId: number, path: string): void {
    const literal = (index: number[], text: string): number[] => [
      ...index,
      text.length,
      ...Buffer.from(text),
    ];
    const block = Buffer.from([0x83, 0x87, ...literal([0x04], path), ...literal([0x01], 'test')]);
    this.send(FRAME.HEADERS, streamId, block, FLAG.END_HEADERS | FLAG.END_STREAM);
  }

  data(streamId: number, text: string | Uint8Array, flags = 0): void {
    this.send(FRAME.DATA, streamId, Buffer.from(text), flags);
  }

  reset(streamId: number, code: number): void {
    this.send(FRAME.RST_STREAM, streamId, words(code));
  }

  goaway(lastStreamId: number, code = 0): void {
    this.send(FRAME.GOAWAY, 0, words(lastStreamId, code));
  }

  windowUpdate(streamId: number, bytes: number): void {
    this.send(FRAME.WINDOW_UPDATE, streamId, words(bytes));
  }

  /** The bodies that have arrived, by stream. */
  bodyOf(streamId: number): string {
    return this.received
      .filter((frame) => frame.type === FRAME.DATA && frame.streamId === streamId)
      .map(({ payload }) => payload.toString())
      .join('');
  }

  #read(bytes: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, bytes]);
    for (;;) {
      const unread = this.#unread;
      const end = unread.length < HEAD_BYTES ? Infinity : HEAD_BYTES + unread.readUIntBE(0, 3);
      if (unread.length < end) break;
      this.#unread = unread.subarray(end);
      this.#take({
        type: unread[3] ?? 0,
        flags: unread[4] ?? 0,
        streamId: unread.readUInt32BE(5) & 0x7fffffff,
        payload: unread.subarray(HEAD_BYTES, end),
      });
    }
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  #take(frame: Frame): void {
    const { type, flags, payload } = frame;
    this.received.push(frame);
    const asks = (flags & FLAG.ACK) === 0;
    if (type === FRAME.SETTINGS && asks) this.send(FRAME.SETTINGS, 0, undefined, FLAG.ACK);
    if (type === FRAME.PING && asks && this.answersPings) this.send(FRAME.PING, 0, payload, FLAG.ACK);
  }
}

/** Plays the server on an accepted connection. */
export function serverPeer(socket: TLSSocket): FramePeer {
  return new FramePeer(socket, { prefaceBytes: PREFACE.length });
}

/** Connects to an HTTP/2 server on 127.0.0.1 and plays the client. */
export async function clientPeer(port: number, ca: string): Promise<FramePeer> {
  const socket = connect({ port, host: '127.0.0.1', ca, ALPNProtocols: ['h2'] });
  const peer = new FramePeer(socket);
  await once(socket, 'secureConnect');
  socket.write(PREFACE);
  peer.settings();
  return peer;
}

/** Describes a frame: `DATA 1 "text"`, `RST_STREAM 1 CANCEL`, `GOAWAY 5 NO_ERROR`, `HEADERS 1`. */
export function tellFrame({ type, flags, streamId, payload }: Frame): string {
  const name = Object.entries(FRAME).find(([, number]) => number === type)?.[0] ?? `frame ${type}`;
  const code = (at: number): string => {
    const number = payload.readUInt32BE(at);
    return CODES[number] ?? String(number);
  };
  const isLast = (type === FRAME.DATA || type === FRAME.HEADERS) && (flags & FLAG.END_STREAM) !== 0;
  const end = isLast ? ' END' : '';
  switch (type) {
    case FRAME.DATA:
      return `${name} ${streamId} ${JSON.stringify(payload.toString())}${end}`;
    case FRAME.RST_STREAM:
      return `${name} ${streamId} ${code(0)}`;
    case FRAME.GOAWAY:
      return `${name} ${payload.readUInt32BE(0)} ${code(4)}`;
    case FRAME.SETTINGS:
    case FRAME.PING:
      return `${name}${(flags & FLAG.ACK) === 0 ? '' : ' ACK'}`;
    default:
      return `${name} ${streamId}${end}`;
  }
}

function words(...numbers: number[]): Buffer {
  const bytes = Buffer.alloc(4 * numbers.length);
  numbers.forEach((number, at) => bytes.writeUInt32BE(number, 4 * at));
  return bytes;
}
