import { SluiceError } from '../../../src/index.ts';
import { Server, faultOf, isCrossSlot } from '../../../stores/redis/shared.ts';
import type { RedisClient, Script, StoreCall } from '../../../stores/redis/shared.ts';
import type { SentChunk, SentEnd } from '../../stream/parts.ts';
import { checkStreamKey } from '../check-key.ts';
import type {
  Appended,
  ChunkLog,
  LoggedStart,
  Opened,
  OpenOptions,
  Page,
  ReadOptions,
  UnownedOptions,
} from '../chunk-log.ts';
import type { StreamKey, StreamLease } from '../chunk-log.ts';
import { textOfChunks } from '../chunk-text.ts';
import { Hints } from '../hints.ts';
import { marksOf } from '../marks.ts';
import { leaseLost, otherFingerprint, sessionOf } from '../refusals.ts';
import { HINT_MS, PAGE_CHUNKS } from '../retention.ts';
import { WatchedStarts } from '../watched-starts.ts';
import type { Watched } from '../watchers.ts';
import { Indexes } from './indexes.ts';
import { LogKeys, keyOfMember, memberOf } from './keys.ts';
import { appendedOf, openedOf, pageOf, wordOf } from './replies.ts';
import type { AppendReply } from './replies.ts';
import { ADD_RUNNING, APPEND, FORGET, OPEN, READ, RELEASE, REMOVE, SETTLE, STOP } from './scripts.ts';
import { Subscription } from './subscription.ts';
import { trimStream } from './trim.ts';

/** The checked options of `redisLog()`. */
export interface RedisLogSettings {
  client: RedisClient;
  prefix: string;
  ttlMs: number;
  maxStreamBytes: number;
  timeoutMs: number;
  coalesceMs: number;
  pollMs: number;
}

const NO_CALLS: ReadonlySet<number> = new Set();

/** Streams in Redis. The clock is the server's. */
export class RedisChunkLog implements ChunkLog {
  readonly coalesceMs: number;
  readonly #settings: RedisLogSettings;
  readonly #keys: LogKeys;
  readonly #server: Server;
  readonly #indexes: Indexes;
  readonly #hints: Hints;
  readonly #subscription: Subscription;
  /** The name under which other processes reach this one. */
  readonly #process = crypto.randomUUID();
  readonly #channels: string;
  /** Which numbers each owner of this process has marks for. */
  readonly #valid = new WeakMap<StreamLease, ReadonlySet<number>>();
  /** The sessions of the streams that this process owns. */
  readonly #sessions = new WeakMap<StreamLease, StreamKey>();
  readonly #starts: WatchedStarts;
  /** Whether the keys of a stream and of an index cannot be in one script. Known after the first script that is refused. */
  #split = false;

  constructor(settings: RedisLogSettings) {
    this.#settings = settings;
    this.coalesceMs = settings.coalesceMs;
    this.#keys = new LogKeys(settings.prefix);
    this.#server = new Server(settings.client, settings.timeoutMs);
    this.#indexes = new Indexes(this.#server, this.#keys);
    this.#channels = this.#keys.channel('');
    this.#subscription = new Subscription(
      settings.client,
      this.#keys.channel(this.#process),
      () => this.#hints,
    );
    this.#hints = new Hints(this.#subscription, settings.pollMs);
    this.#starts = new WatchedStarts(this.#hints);
  }

  async open(key: StreamKey, start: LoggedStart, options: OpenOptions): Promise<Opened> {
    checkStreamKey(key);
    const { leaseMs, takeOver = false, graceMs = 0, again = false } = options;
    const session = sessionOf(start);
    const args = [
      JSON.stringify(start),
      start.fingerprint ?? '',
      milliseconds(leaseMs),
      takeOver ? '1' : '0',
      milliseconds(graceMs),
      again ? '1' : '0',
      session === undefined ? '' : memberOf(session),
      crypto.randomUUID(),
      ...this.#sender(key),
    ];
    const opened = await this.#call('open', (call) => this.#open(call, key, session, leaseMs, args));
    if (opened.word === 'other') throw otherFingerprint();
    if (opened.word === 'reader') return { as: 'reader' };
    if (opened.word === 'ended') return { as: 'ended', end: opened.end };
    const { word: _word, token, ...rest } = opened;
    const held = { key, token, leaseMs };
    if (session !== undefined) this.#sessions.set(held, session);
    this.#hints.watchers.wake(key, 'chunks');
    return { as: 'owner', held, ...rest };
  }

  async append(
    held: StreamLease,
    from: number,
    chunks: readonly SentChunk[],
    end?: SentEnd,
  ): Promise<Appended> {
    const { key } = held;
    checkStreamKey(key);
    const marks = marksOf(chunks, this.#valid.get(held) ?? NO_CALLS);
    const reply = await this.#append(held, from, chunks, marks.text, end);
    if (reply.word === 'rest') return this.append(held, reply.next, chunks.slice(reply.next - from), end);
    if (reply.word !== 'kept') throw leaseLost(reply.word);
    if (end !== undefined && this.#split) this.#unlist(key);
    const { appended, extended, isLarge } = reply;
    // With the newest chunks the log has lost their marks.
    if (appended.next < from) this.#valid.delete(held);
    else {
      this.#valid.set(held, marks.valid);
      if (chunks.length > 0 || end !== undefined) this.#hints.watchers.wake(key, 'chunks');
    }
    if (extended) this.#registerAgain(held);
    if (isLarge) await this.#trim(held);
    return appended;
  }

  async read(key: StreamKey, options: ReadOptions): Promise<Page | undefined> {
    checkStreamKey(key);
    const { after, most = PAGE_CHUNKS, presentMs = 0 } = options;
    const known = this.#starts.get(key);
    const watches = this.#starts.isRead(key);
    const args = [
      String(after),
      String(most),
      milliseconds(presentMs),
      watches ? milliseconds(Math.max(presentMs, HINT_MS)) : '0',
      this.#process,
      known?.base ?? '',
    ];
    const keys = this.#keys.stream(key);
    const found = await this.#call('read', async (call) =>
      pageOf(await this.#server.run(call, READ, { keys, args }), after, known),
    );
    if (found !== undefined && watches) this.#starts.keep(key, found.known);
    return found?.page;
  }

  async stop(key: StreamKey, reason: string): Promise<'pending' | 'stopped' | 'unknown'> {
    checkStreamKey(key);
    const args = [reason, ...this.#sender(key)];
    const word = await this.#word('stop', STOP, key, args);
    if (word === 'stopped' || word === 'unknown') return word;
    this.#hints.watchers.wake(key, 'stop');
    return 'pending';
  }

  async release(held: StreamLease): Promise<void> {
    const { key } = held;
    checkStreamKey(key);
    const keys = [...this.#keys.stream(key), ...this.#withRunning];
    const args = [String(held.token), ...this.#sender(key)];
    const word = await this.#call('release', async (call) =>
      wordOf(await this.#server.run(call, RELEASE, { keys, args })),
    );
    if (word === 'gone' || word === 'owner' || word === 'ended') throw leaseLost(word);
    if (this.#split) this.#indexes.later(() => this.#server.call((call) => this.#addRunning(call, key, 0)));
    this.#hints.watchers.wake(key, 'chunks');
  }

  async settle(key: StreamKey, end: SentEnd, { graceMs }: { graceMs: number }): Promise<boolean> {
    checkStreamKey(key);
    const { ttlMs } = this.#settings;
    const args = [JSON.stringify(end), milliseconds(graceMs), milliseconds(ttlMs), ...this.#sender(key)];
    const isSettled = (await this.#word('settle', SETTLE, key, args)) === '1';
    if (!isSettled) return false;
    this.#hints.watchers.wake(key, 'chunks');
    this.#unlist(key);
    return true;
  }

  watch(key: StreamKey, what: Watched, wake: () => void): () => void {
    return this.#starts.watch(key, what, wake);
  }

  async running(session: StreamKey): Promise<string[]> {
    checkStreamKey(session);
    return this.#call('running', (call) => this.#indexes.running(call, this.#keys.ofSession(session)));
  }

  async unowned(options: UnownedOptions): Promise<StreamKey[]> {
    return this.#call('unowned', (call) => this.#indexes.unowned(call, this.#keys.running, options));
  }

  async forget(owner: string): Promise<void> {
    checkStreamKey({ owner, id: '*' });
    await this.#call('forget', async (call) => {
      const index = this.#keys.ofOwner(owner);
      const streams = await this.#indexes.of(call, index);
      await Promise.all(streams.map((stream) => this.#forget(call, stream)));
      await this.#indexes.unregister(call, index, streams);
      for (const { key } of streams) this.#wake(key);
    });
  }

  async close(): Promise<void> {
    this.#hints.close();
    this.#subscription.close();
    this.#starts.clear();
    await this.#call('close', () => this.#indexes.idle());
  }

  async #open(
    call: StoreCall,
    key: StreamKey,
    session: StreamKey | undefined,
    leaseMs: number,
    args: string[],
  ): Promise<ReturnType<typeof openedOf>['opened']> {
    const owners = this.#keys.ofOwner(key.owner);
    const sessions = session === undefined ? [] : [this.#keys.ofSession(session)];
    const keys = this.#keys.stream(key);
    if (!this.#split) {
      try {
        const together = { keys: [...keys, owners, this.#keys.running, ...sessions], args };
        const found = openedOf(await this.#server.run(call, OPEN, together));
        this.#indexes.tidy(owners, found.owners);
        for (const index of sessions) this.#indexes.tidy(index, found.sessions, true);
        return found.opened;
      } catch (error) {
        if (!isCrossSlot(error)) throw error;
        this.#split = true;
      }
    }
    const { opened } = openedOf(await this.#server.run(call, OPEN, { keys, args }));
    if (opened.word === 'owner') await this.#register(call, key, session, leaseMs);
    return opened;
  }

  /** The index of the streams that run, as one more key of a script, if it can be. */
  get #withRunning(): string[] {
    return this.#split ? [] : [this.#keys.running];
  }

  async #addRunning(call: StoreCall, key: StreamKey, leaseMs: number): Promise<void> {
    const given = { keys: [this.#keys.running], args: [memberOf(key), milliseconds(leaseMs)] };
    await this.#server.run(call, ADD_RUNNING, given);
  }

  /** Takes a stream off those that run. If that fails, whoever looks at it next does it. */
  #unlist(key: StreamKey): void {
    this.#indexes.later(() =>
      this.#server.call((call) => this.#remove(call, this.#keys.running, memberOf(key))),
    );
  }

  async #remove(call: StoreCall, index: string, member: string): Promise<void> {
    await this.#server.run(call, REMOVE, { keys: [index], args: [member] });
  }

  async #register(
    call: StoreCall,
    key: StreamKey,
    session: StreamKey | undefined,
    leaseMs: number,
  ): Promise<void> {
    const member = memberOf(key);
    await Promise.all([
      this.#indexes.register(call, this.#keys.ofOwner(key.owner), member),
      this.#addRunning(call, key, leaseMs),
      ...(session === undefined
        ? []
        : [this.#indexes.register(call, this.#keys.ofSession(session), member, true)]),
    ]);
  }

  async #forget(call: StoreCall, { key, member }: { key: StreamKey; member: string }): Promise<void> {
    const keys = this.#keys.stream(key);
    const session = wordOf(await this.#server.run(call, FORGET, { keys, args: this.#sender(key) }));
    await this.#remove(call, this.#keys.running, member);
    if (session !== '') await this.#remove(call, this.#keys.ofSession(keyOfMember(session)), member);
  }

  /** Keeps a stream that runs for hours in the indexes. */
  #registerAgain(held: StreamLease): void {
    const session = this.#sessions.get(held);
    this.#indexes.later(() =>
      this.#server.call((call) => this.#register(call, held.key, session, held.leaseMs)),
    );
  }

  async #append(
    held: StreamLease,
    from: number,
    chunks: readonly SentChunk[],
    marks: string,
    end: SentEnd | undefined,
  ): Promise<AppendReply> {
    const { ttlMs, maxStreamBytes } = this.#settings;
    const args = [
      String(held.token),
      String(from),
      String(chunks.length),
      milliseconds(held.leaseMs),
      chunks.length === 0 ? '' : textOfChunks(chunks),
      marks,
      end === undefined ? '' : JSON.stringify(end),
      milliseconds(ttlMs),
      String(maxStreamBytes),
      ...this.#sender(held.key),
    ];
    const keys = [...this.#keys.stream(held.key), ...(end === undefined ? [] : this.#withRunning)];
    return this.#call('append', async (call) =>
      appendedOf(await this.#server.run(call, APPEND, { keys, args })),
    );
  }

  async #trim(held: StreamLease): Promise<void> {
    const keys = this.#keys.stream(held.key);
    const { maxStreamBytes } = this.#settings;
    const trim = (): Promise<boolean> =>
      this.#call('append', (call) => trimStream(this.#server, call, keys, held, maxStreamBytes));
    // A part at a time: other work of this process goes on between them.
    while (await trim());
  }

  /** The last arguments of scripts that send hints. */
  #sender(key: StreamKey): string[] {
    return [this.#process, this.#channels, memberOf(key)];
  }

  #wake(key: StreamKey): void {
    this.#hints.watchers.wake(key, 'chunks');
    this.#hints.watchers.wake(key, 'stop');
  }

  async #word(doing: string, script: Script, key: StreamKey, args: string[]): Promise<string> {
    const keys = this.#keys.stream(key);
    return this.#call(doing, async (call) => wordOf(await this.#server.run(call, script, { keys, args })));
  }

  async #call<T>(doing: string, work: (call: StoreCall) => Promise<T>): Promise<T> {
    try {
      return await this.#server.call(work);
    } catch (error) {
      throw faultOf('chunk log', error, doing) ?? unreadable(error, doing);
    }
  }
}

/** What is stored is not what this library wrote. */
function unreadable(cause: unknown, doing: string): SluiceError {
  const what = 'what is stored cannot be read: has something else written to the keys?';
  return new SluiceError('store', `The chunk log failed at ${doing}: ${what}`, { retryable: false, cause });
}

/** Whole milliseconds, as Redis needs them. */
function milliseconds(ms: number): string {
  return String(Math.ceil(ms));
}
