import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createClient, webSocket } from '../../client/index.ts';
import { saidItems } from './items.ts';
import { errorOf, soon } from './turn.ts';
import { eventsOf, eventStream, sendEvents, turnServer } from './turn-server.ts';

/** What the `fetch` of React Native gives: the text only, when all of it is there. */
class WholeResponse {
  readonly ok = true;
  readonly status = 200;
  readonly headers = new Headers();
  text(): Promise<string> {
    return Promise.resolve('');
  }
}

describe('a fetch without a body stream', () => {
  beforeEach(() => vi.stubGlobal('Response', WholeResponse));
  afterEach(() => vi.unstubAllGlobals());

  test('is refused at once, with what to pass', () => {
    expect(() => createClient({ url: 'http://localhost' })).toThrow(
      expect.objectContaining({ code: 'invalid_options', message: expect.stringContaining('expo/fetch') }),
    );
  });

  test('is refused at the first read if it was passed', async () => {
    const whole: unknown = async () => new WholeResponse();
    const isFetch = (given: unknown): given is typeof fetch => typeof given === 'function';
    if (!isFetch(whole)) throw new Error('not a function');
    const stream = createClient({ url: 'http://localhost', fetch: whole }).stream('Hello');
    expect(await errorOf(stream.text())).toMatchObject({
      code: 'invalid_options',
      message: expect.stringContaining('expo/fetch'),
    });
  });

  test('is enough if streams come over sockets', () => {
    expect(() => createClient({ url: 'http://localhost', transport: webSocket() })).not.toThrow();
  });

  test('gives way to one that streams', async () => {
    vi.unstubAllGlobals();
    const fetched = async (): Promise<Response> => eventStream(eventsOf(saidItems('Hi')).join(''));
    vi.stubGlobal('Response', WholeResponse);
    const client = createClient({ url: 'http://localhost', fetch: fetched });
    vi.unstubAllGlobals();
    expect(await client.stream('Hello').text()).toBe('Hi');
  });
});

/** The signal of React Native, which is that of the package `abort-controller` 3: without a reason, and without `throwIfAborted()`. */
class OldSignal {
  aborted = false;
  readonly #listeners = new Set<() => void>();
  addEventListener(_type: string, listener: () => void): void {
    this.#listeners.add(listener);
  }
  removeEventListener(_type: string, listener: () => void): void {
    this.#listeners.delete(listener);
  }
  abort(): void {
    this.aborted = true;
    for (const listener of [...this.#listeners]) listener();
  }
}

class OldController {
  readonly signal = new OldSignal();
  abort(): void {
    this.signal.abort();
  }
}

/** A `fetch` that takes such signals. */
function oldFetch(native: typeof AbortController): typeof fetch {
  return (input, init) => {
    const controller = new native();
    const signal: unknown = init?.signal;
    if (!(signal instanceof OldSignal)) throw new TypeError('It is a signal of another runtime.');
    signal.addEventListener('abort', () => controller.abort());
    return fetch(input, { ...init, signal: controller.signal });
  };
}

describe('the signals of React Native', () => {
  const native = AbortController;
  const fetchWithOldSignals = oldFetch(native);
  beforeEach(() => vi.stubGlobal('AbortController', OldController));
  afterEach(() => vi.unstubAllGlobals());

  test('are enough: a stream comes, and comes back after its connection broke', async () => {
    let requests = 0;
    await using server = await turnServer((asked, response) =>
      sendEvents(asked, response, eventsOf(saidItems('a', 'b')), ++requests === 1 ? 2 : undefined),
    );
    const client = createClient({ url: server.url, fetch: fetchWithOldSignals, ...soon });
    expect(await client.stream('Hello').text()).toBe('ab');
    expect(requests).toBe(2);
  });

  test('end a stream', async () => {
    const gone = Promise.withResolvers<void>();
    await using server = await turnServer((_asked, response) => {
      response.on('close', gone.resolve);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(eventsOf(saidItems('Hi', 'never')).slice(0, 2).join(''));
    });
    const controller = new AbortController();
    const client = createClient({ url: server.url, fetch: fetchWithOldSignals });
    const stream = client.stream('Hello', { signal: controller.signal });
    await stream.next();
    const waiting = errorOf(stream.next());
    controller.abort();
    expect(await waiting).toMatchObject({ code: 'aborted', partial: { content: 'Hi' } });
    await gone.promise;
  });
});
