import type { SentChunk } from '../stream/parts.ts';

type CallChunk = Extract<SentChunk, { type: 'tool_call' | 'tool_call_delta' }>;
type WholeCall = Extract<SentChunk, { type: 'tool_call' }>;

/** A call of a tool of the client, as it is shown. */
export interface ShownCall {
  readonly id: string;
  readonly name: string;
  /** Which call of the reply it is, from 0, in the order in which they were begun. */
  readonly place: number;
  /** The position of the chunk that began it. */
  readonly position: number;
  /** The JSON text of its arguments so far. */
  text: string;
}

/** What a chunk adds to a call. */
export interface CallPiece {
  readonly call: ShownCall;
  readonly begins: boolean;
  /** The next characters of the arguments. */
  readonly text: string;
  /** The call is whole. */
  readonly ends: boolean;
}

/** A call whose chunks have come, but whose end has not. */
interface OpenCall {
  name: string | undefined;
  shown: ShownCall | undefined;
  /** What has come and is not shown yet. */
  held: string;
}

/** Could be the end of an object: what follows shows whether it is. */
const END = /\}\s*$/;

/**
 * Says which calls a client sees, and what of them. It sees the calls of the tools that came in its request; all others are the pipeline's own and stay inside.
 *
 * Arguments are shown as they come, but for their last brace: that is held back until the call is whole. So a client never has a call that can be run and that a layer of the
 * pipeline has taken back or changed.
 */
export class ClientCalls {
  readonly #tools: ReadonlySet<string> | undefined;
  readonly #open = new Map<string, OpenCall>();
  readonly #ids = new Set<string>();
  /** How many calls are whole. */
  count = 0;
  /** What the ids begin with that are made here. */
  prefix = 'call_';

  constructor(tools: ReadonlySet<string> | undefined) {
    this.#tools = tools;
  }

  /** What a chunk adds to what the client sees. `changed`: the call is another one than the client was shown, so the stream cannot go on. */
  take(chunk: CallChunk, position: number): CallPiece | 'changed' | undefined {
    const key = `${chunk.call} ${chunk.id}`;
    if (chunk.type === 'tool_call') {
      const open = this.#open.get(key);
      this.#open.delete(key);
      return this.#whole(chunk, open, position);
    }
    let open = this.#open.get(key);
    if (open === undefined) this.#open.set(key, (open = { name: undefined, shown: undefined, held: '' }));
    open.name ??= chunk.name;
    open.held += chunk.argumentsDelta;
    if (open.name === undefined || !this.#isShown(open.name)) return undefined;
    const end = END.exec(open.held);
    const text = end === null ? open.held : open.held.slice(0, end.index);
    const begins = open.shown === undefined;
    if (!begins && text === '') return undefined;
    open.shown ??= this.#begin(chunk.id, open.name, position);
    open.held = open.held.slice(text.length);
    open.shown.text += text;
    return { call: open.shown, begins, text, ends: false };
  }

  /** The calls that were begun and are not whole. */
  get unfinished(): readonly ShownCall[] {
    return [...this.#open.values()].flatMap(({ shown }) => shown ?? []);
  }

  #whole(chunk: WholeCall, open: OpenCall | undefined, position: number): CallPiece | 'changed' | undefined {
    const isShown = chunk.providerExecuted !== true && this.#isShown(chunk.name);
    const shown = open?.shown;
    if (!isShown || (shown !== undefined && shown.name !== chunk.name))
      return shown === undefined ? undefined : 'changed';
    const written = shown === undefined ? '' : shown.text + (open?.held ?? '');
    const whole = argumentsOf(chunk);
    const text = shown === undefined || written.trim() === '' ? whole : written;
    if (chunk.invalid === undefined && text !== whole && compact(text) !== whole) return 'changed';
    const call = shown ?? this.#begin(chunk.id, chunk.name, position);
    const rest = text.slice(call.text.length);
    call.text = text;
    this.count++;
    return { call, begins: shown === undefined, text: rest, ends: true };
  }

  #isShown(name: string): boolean {
    return this.#tools?.has(name) === true;
  }

  #begin(id: string, name: string, position: number): ShownCall {
    // A provider's id may be missing, or come twice. A client tells its calls apart by them.
    const own = id === '' || this.#ids.has(id) ? `${this.prefix}${position}` : id;
    const call = { id: own, name, place: this.#ids.size, position, text: '' };
    this.#ids.add(own);
    return call;
  }
}

/** The JSON text of the arguments of a whole call. Text that is not JSON goes to the client as the model wrote it. */
function argumentsOf({ arguments: value, invalid }: Pick<WholeCall, 'arguments' | 'invalid'>): string {
  return invalid === undefined ? (JSON.stringify(value) ?? '{}') : invalid.raw;
}

function compact(json: string): string | undefined {
  try {
    return JSON.stringify(JSON.parse(json));
  } catch {
    return undefined;
  }
}

/** The text in the arguments of a tool that takes one; the arguments themselves if the model wrote something else. */
export function textOfInput(json: string): string {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'string') return value;
    if (typeof value === 'object' && value !== null && 'input' in value && typeof value.input === 'string')
      return value.input;
  } catch {
    // The model wrote no JSON: the client's tool gets what it wrote.
  }
  return json;
}
