import { SluiceError, end } from '../../../src/index.ts';
import type { ProviderCall, PushSource, Receiver, Reply, StreamChunk } from '../../../src/index.ts';
import { Timer, asRequestId } from '../../../src/kit/index.ts';
import { abortedBy, rateLimitsOf, wasNeverSent } from '../../../providers/wire/index.ts';
import type { Limits, Origin } from '../../../providers/wire/index.ts';
import type { AISDKModel, AISDKStream } from '../model.ts';
import { secretsOf } from '../secrets.ts';
import { PartDecoder } from './decoder.ts';
import { errorOf, headerReader } from './errors.ts';

/** One call of a model. */
export interface ModelCall {
  model: AISDKModel;
  provider: string;
  call: ProviderCall;
  limits: Limits;
  origin: Origin;
  secrets: readonly string[];
  strict: boolean;
  keepRaw: boolean;
  /** The options for `doStream`, without the signal. Throws what cannot be sent. */
  options(): object | Promise<object>;
}

/** How long the end of a finished stream is waited for, so that its connection can be used again. */
const DRAIN_MS = 500;

/**
 * Reads the stream of a model. Any end (of the reply, an error, `close()`, the call's signal) aborts the model's own signal or reads it to its end,
 * and removes the only listener, once.
 */
export class ModelSource implements PushSource<StreamChunk, Reply> {
  readonly #model: ModelCall;
  readonly #controller = new AbortController();
  #opened = false;
  #error: SluiceError | undefined;
  #reply: Reply | undefined;
  /** Set while a read waits for an answer. */
  #receiver: Receiver<StreamChunk, Reply> | undefined;
  #reader: ReadableStreamDefaultReader<unknown> | undefined;
  #decoder: PartDecoder | undefined;
  #secrets: readonly string[];
  #requestId: string | undefined;
  #requestBody: unknown;

  constructor(model: ModelCall) {
    this.#model = model;
    this.#secrets = model.secrets;
  }

  request(receiver: Receiver<StreamChunk, Reply>): void {
    this.#receiver = receiver;
    if (this.#error !== undefined || this.#reply !== undefined) this.#answer([]);
    else if (this.#opened) this.#read();
    else void this.#open();
  }

  close(error: SluiceError): void {
    if (this.#error !== undefined || this.#reply !== undefined) return;
    this.#fail(error);
  }

  async #open(): Promise<void> {
    this.#opened = true;
    const { model, call } = this.#model;
    call.call.progress = 'unsent';
    if (call.signal.aborted) {
      this.#abort();
      return;
    }
    call.signal.addEventListener('abort', this.#abort, { once: true });
    try {
      // Set before the response tells them: they are needed to bill a call that is cut early.
      call.call.provider = this.#model.provider;
      call.call.model ??= model.modelId;
      const options = await this.#model.options();
      if (this.#error !== undefined) return;
      this.#secrets = [...this.#model.secrets, ...secretsOf(model)];
      call.call.progress = 'sent';
      this.#start(await model.doStream({ ...options, abortSignal: this.#controller.signal }));
    } catch (error) {
      if (call.call.progress === 'sent' && wasNeverSent(error)) call.call.progress = 'unsent';
      this.#noteLimits(error instanceof Error ? Reflect.get(error, 'responseHeaders') : undefined);
      this.#fail(error);
    }
  }

  #start({ stream, request, response }: AISDKStream): void {
    const { call, provider, limits, origin, strict, keepRaw } = this.#model;
    const reader = stream.getReader();
    this.#reader = reader;
    if (this.#error !== undefined) {
      void reader.cancel(this.#error).catch(nothing);
      return;
    }
    call.call.progress = 'accepted';
    const headers = response?.headers;
    const type = headers?.['content-type'];
    if (type?.startsWith('text/html') === true) {
      const message = `${provider} answered with a page of HTML instead of an event stream.`;
      throw new SluiceError('protocol', message, { provider, retryable: false });
    }
    this.#noteLimits(headers);
    const secrets = this.#secrets;
    this.#requestId = asRequestId(headers?.['x-request-id'] ?? headers?.['request-id'], secrets);
    this.#requestBody = request?.body;
    const requestId = this.#requestId;
    this.#decoder = new PartDecoder({ provider, secrets, requestId, call, limits, origin, strict, keepRaw });
    this.#read();
  }

  #read(): void {
    this.#reader?.read().then(this.#onRead, this.#onFailed);
  }

  readonly #onRead = ({ done, value }: { done: boolean; value?: unknown }): void => {
    const decoder = this.#decoder;
    if (decoder === undefined || this.#error !== undefined) return;
    const chunks: StreamChunk[] = [];
    try {
      if (done) this.#complete(decoder, decoder.end());
      else {
        decoder.add(value, chunks);
        if (decoder.reply !== undefined) this.#complete(decoder, decoder.reply);
        else if (chunks.length === 0) return this.#read();
      }
    } catch (error) {
      this.#fail(error, chunks);
      return;
    }
    this.#answer(chunks);
  };

  readonly #onFailed = (error: unknown): void => {
    // A package may end its stream silently or with any error when it is aborted: ours was given already.
    if (this.#error === undefined) this.#fail(error);
  };

  #complete(decoder: PartDecoder, reply: Reply): void {
    decoder.check();
    const { provider, keepRaw } = this.#model;
    const raw = keepRaw ? { raw: { request: this.#requestBody, reply: decoder.raw } } : {};
    this.#reply = { ...reply, provider: reply.provider ?? provider, ...raw };
    this.#release();
    void this.#drain();
  }

  /** Answers the read that waits: with chunks, else with the end. */
  #answer(chunks: StreamChunk[]): void {
    const receiver = this.#receiver;
    if (receiver === undefined) return;
    this.#receiver = undefined;
    if (chunks.length > 0) receiver.pulled(chunks);
    else if (this.#error !== undefined) receiver.failed(this.#error);
    else if (this.#reply !== undefined) receiver.pulled(end(this.#reply));
  }

  /** Ends it with an error and aborts the model. The first error stays. `chunks` came before it. */
  #fail(thrown: unknown, chunks: StreamChunk[] = []): void {
    if (this.#error !== undefined) return;
    const { provider, call } = this.#model;
    this.#error =
      call.signal.aborted && !(thrown instanceof SluiceError)
        ? abortedBy(call.signal.reason)
        : errorOf(thrown, { provider, secrets: this.#secrets, requestId: this.#requestId });
    this.#release();
    this.#controller.abort(this.#error);
    void this.#reader?.cancel(this.#error).catch(nothing);
    this.#answer(chunks);
  }

  #noteLimits(headers: unknown): void {
    const reader = headerReader(headers);
    if (reader !== undefined) this.#model.call.call.rateLimits = rateLimitsOf(reader);
  }

  #release(): void {
    this.#model.call.signal.removeEventListener('abort', this.#abort);
  }

  readonly #abort = (): void => {
    this.close(abortedBy(this.#model.call.signal.reason));
  };

  /** Reads what follows the last part, so that the connection can be used again. */
  async #drain(): Promise<void> {
    using timer = new Timer(() => this.#controller.abort(), { keepAlive: false });
    timer.start(DRAIN_MS);
    try {
      while ((await this.#reader?.read())?.done === false);
    } catch {
      // The reply is complete: an error of its connection after the end does not matter.
    }
  }
}

function nothing(): void {
  // A package may reject the cancellation of a stream that has failed.
}
