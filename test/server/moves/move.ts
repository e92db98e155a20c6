import { setTimeout as delay } from 'node:timers/promises';
import { createClient, isCodedError } from '../../../client/index.ts';
import type { Client, ClientStream } from '../../../client/index.ts';
import type { ExecutionChunk } from '../../../src/index.ts';

/** Where requests go, as a balancer knows it. */
export interface Route {
  url: string;
  /** When the server that was there before was killed, by `performance.now()`. */
  killedAt: number | undefined;
}

/** What one client saw. */
export interface Moved {
  /** `completed`, or the code of the error. */
  end: string;
  /** Whether its connection broke and it came back to the other server. */
  hasMoved: boolean;
  /** From the kill to the next token, or to the end without one, in milliseconds. */
  nextMs: number | undefined;
  /** From the kill to the first token of the run that took over, or to the end without one, in milliseconds. */
  aliveMs: number | undefined;
  /** Whether its session has a partial reply, which is what it saw. */
  isKept: boolean;
  violations: string[];
}

/** How long a client waits for its end, in milliseconds. More is silence. */
const SILENT_MS = 120_000;

/** How long a client asks for its session. */
const PATIENT_MS = 60_000;

/** The address in requests, which the route replaces. */
const ANYWHERE = 'http://moves.invalid';

/** Errors that say that a turn could not go on. Every other one is a violation. */
const TYPED: ReadonlySet<string> = new Set(['lease_lost', 'network', 'store', 'shutting_down']);

/** Ends after which nothing more comes of a turn: its session has what was seen. */
const DECIDED: ReadonlySet<string> = new Set(['completed', 'lease_lost', 'shutting_down']);

/** A turn that a client reads. */
interface Read {
  /** The text of the turn. */
  whole: string;
  /** The turn is one of a session, which survives its process. */
  conversation?: string | undefined;
  /** Is called when the client has its stream. */
  onOpen?: () => void;
}

/** Reads one turn to its end, wherever its server goes. */
export async function move(route: Route, { whole, conversation, onOpen }: Read): Promise<Moved> {
  const client = createClient({
    url: ANYWHERE,
    fetch: (input, init) => {
      const { pathname, search } = new URL(input instanceof Request ? input.url : input);
      return fetch(`${route.url}${pathname}${search}`, init);
    },
  });
  const watch = new Watch(route, whole);
  const stream = client.stream('hi', {
    conversation,
    signal: AbortSignal.timeout(SILENT_MS),
    onConnection(state) {
      if (state === 'lost') watch.lost();
      if (state === 'open') onOpen?.();
    },
  });
  const end = await watch.read(stream);
  let isKept = false;
  if (conversation !== undefined && DECIDED.has(end)) {
    const stored = await patiently(() => historyOf(client, conversation));
    const seen = stream.partial.content;
    const partial = `user: "hi"\nassistant: ${JSON.stringify(seen)} *`;
    const complete = `user: "hi"\nassistant: ${JSON.stringify(whole)}`;
    isKept = stored === partial;
    // A process that died after it had stored the reply could not say so. One that had only the question, or not even that, has shown nothing.
    const isRight = end === 'completed' ? stored === complete : isKept || stored === complete;
    if (!isRight && !(end !== 'completed' && seen === '' && (stored === '' || stored === 'user: "hi"')))
      watch.violations.push(`saw "${seen}" and ${end}, and the session has ${stored}`);
  }
  return {
    end,
    isKept,
    hasMoved: watch.hasMoved,
    nextMs: watch.nextMs,
    aliveMs: watch.aliveMs,
    violations: watch.violations,
  };
}

/** The messages of a session, one per line, with a star if they are partial. Empty: there is no such session. */
async function historyOf(client: Client, conversation: string): Promise<string> {
  try {
    const { messages } = await client.conversations.read(conversation);
    return messages
      .map(
        ({ role, content, partial }) => `${role}: ${JSON.stringify(content)}${partial === true ? ' *' : ''}`,
      )
      .join('\n');
  } catch (error) {
    if (isCodedError(error) && error.code === 'not_found') return '';
    throw error;
  }
}

/** Asks again for some seconds: the database may be away. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  const until = performance.now() + PATIENT_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (performance.now() > until) throw error;
      await delay(100);
    }
  }
}

/** Reads a stream and compares each moment of it with the text that it must have. */
class Watch {
  readonly violations: string[] = [];
  hasMoved = false;
  nextMs: number | undefined;
  aliveMs: number | undefined;
  readonly #route: Route;
  readonly #whole: string;
  #lastIndex = -1;
  /** Whether the text that came before the kill does not count anymore. */
  #isAnew = true;

  constructor(route: Route, whole: string) {
    this.#route = route;
    this.#whole = whole;
  }

  lost(): void {
    if (this.#route.killedAt !== undefined) this.hasMoved = true;
    else this.violations.push('a connection broke before the kill');
  }

  async read(stream: ClientStream): Promise<string> {
    try {
      for (;;) {
        const { done, value } = await stream.next();
        if (done === true) break;
        if (value.type !== 'done') this.#take(value, stream.partial.content);
      }
      this.#clock();
      if (stream.partial.content !== this.#whole)
        this.violations.push(`completed with "${stream.partial.content}"`);
      return 'completed';
    } catch (error) {
      this.#clock();
      const code = isCodedError(error) ? error.code : 'none';
      if (!TYPED.has(code)) this.violations.push(`ended with ${code}: ${String(error)}`);
      return code;
    }
  }

  #take(chunk: ExecutionChunk, text: string): void {
    if (chunk.index <= this.#lastIndex) this.violations.push(`chunk ${chunk.index} after ${this.#lastIndex}`);
    this.#lastIndex = chunk.index;
    if (!this.#whole.startsWith(text)) this.violations.push(`has "${text}"`);
    if (chunk.type === 'reset') this.#isAnew = true;
    if (chunk.type !== 'content') return;
    if (this.hasMoved && this.#isAnew) this.#clock();
    else if (this.hasMoved) this.nextMs ??= this.#sinceKill();
    else this.#isAnew = false;
  }

  /** Notes that the turn lives again, or has ended. */
  #clock(): void {
    if (!this.hasMoved) return;
    this.nextMs ??= this.#sinceKill();
    this.aliveMs ??= this.#sinceKill();
  }

  #sinceKill(): number {
    return performance.now() - (this.#route.killedAt ?? 0);
  }
}
