import type { ProviderCall, Reply, StreamChunk } from '../../../src/index.ts';
import { SluiceError } from '../../../src/index.ts';
import { OutputMeter, blockFrom, filled, isRecord, quoted, text } from '../../../providers/wire/index.ts';
import type { Limits, Origin } from '../../../providers/wire/index.ts';
import { keptBlock, metadataOf } from '../blocks.ts';
import type { ProviderData } from '../model.ts';
import { Calls } from './calls.ts';
import { errorOf } from './errors.ts';
import type { ErrorScope } from './errors.ts';
import { fileData } from './files.ts';
import { finishOf } from './finish.ts';
import { firstUsageOf, usageOf } from './usage.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What the decoder of one call knows. */
export interface DecoderContext extends ErrorScope {
  call: ProviderCall;
  limits: Limits;
  origin: Origin;
  strict: boolean;
  keepRaw: boolean;
}

/** What the package of Anthropic calls the first event. It has the usage so far, and nothing that goes back. */
const MESSAGE_START = 'anthropic.message_start';

/** A block of text or thinking that has begun. */
interface OpenBlock {
  characters: number;
  providerMetadata: ProviderData | undefined;
}

/** Turns the parts of a model's stream into chunks. Each call has one: the ids of blocks and calls are known only within the call. */
export class PartDecoder {
  readonly #context: DecoderContext;
  readonly #calls: Calls;
  readonly #meter: OutputMeter;
  /** By id. */
  readonly #texts = new Map<string, OpenBlock>();
  readonly #thoughts = new Map<string, OpenBlock>();
  /** What was reported as left out. */
  readonly #unknown = new Set<string>();
  readonly #raw: unknown[] = [];
  #characters = 0;
  #model: string | undefined;
  #reply: Reply | undefined;

  constructor(context: DecoderContext) {
    const { provider, limits, origin, call } = context;
    this.#context = context;
    this.#calls = new Calls(provider, limits, origin);
    this.#meter = new OutputMeter(limits.maxOutputCharacters, call.call.request);
  }

  /** The reply, as soon as the part that ends it has come. */
  get reply(): Reply | undefined {
    return this.#reply;
  }

  /** With `includeRaw`: the service's own events so far. */
  get raw(): unknown[] {
    return this.#raw;
  }

  /** Takes one part and pushes its chunks. Throws a `SluiceError` for a part that is an error, and for an exceeded limit. */
  add(part: unknown, out: StreamChunk[]): void {
    if (!isRecord(part)) return this.#report('a part that is not an object');
    const before = out.length;
    this.#take(part, this.#calls.target(out), out);
    for (const chunk of before === 0 ? out : out.slice(before)) this.#meter.add(chunk);
    if (out.length === before && part['type'] !== 'finish') this.#context.call.call.alive();
  }

  /** Called when the stream has ended. Throws `truncated` if the part that ends the reply has not come. */
  end(): Reply {
    if (this.#reply !== undefined) return this.#reply;
    const { provider, requestId } = this.#context;
    throw new SluiceError('truncated', `${provider}: the stream ended without a finish part.`, {
      provider,
      requestId,
    });
  }

  #take(part: Fields, target: StreamChunk[], out: StreamChunk[]): void {
    switch (part['type']) {
      case 'text-delta':
        return this.#textDelta(part, target);
      case 'reasoning-delta':
        return this.#thinkingDelta(part, target);
      case 'tool-input-delta':
        this.#count(part['delta']);
        return this.#calls.delta(part, out);
      case 'text-start':
        return this.#begin(this.#texts, part);
      case 'reasoning-start':
        return this.#begin(this.#thoughts, part);
      case 'text-end':
        return this.#textEnd(part, target);
      case 'reasoning-end':
        return this.#thinkingEnd(part, target);
      case 'tool-input-start':
        return this.#calls.begin(part);
      case 'tool-call':
        return this.#calls.call(part, out);
      case 'tool-result':
        return this.#result(part, target);
      case 'file':
        return this.#file(part, target);
      case 'source':
        target.push({ type: 'content', content: '', citations: [part] });
        return;
      case 'reasoning-file':
        return this.#keep(part, target);
      case 'custom':
        return part['kind'] === MESSAGE_START ? this.#firstUsage(part) : this.#keep(part, target);
      case 'stream-start':
        return this.#warnings(part['warnings']);
      case 'response-metadata':
        return this.#metadata(part);
      case 'finish':
        return this.#finish(part, out);
      case 'error':
        throw errorOf(part['error'], this.#context);
      case 'raw':
        if (this.#context.keepRaw) this.#raw.push(part['rawValue']);
        return;
      case 'ping':
      case 'tool-input-end':
        return;
      case 'tool-approval-request':
        return this.#report('a request to approve a tool that it runs itself, which cannot be answered here');
      default:
        return this.#report(`a part of the unknown type ${text(part['type']) ?? typeof part['type']}`);
    }
  }

  #begin(blocks: Map<string, OpenBlock>, part: Fields): void {
    blocks.set(idOf(part), { characters: 0, providerMetadata: metadataOf(part) });
  }

  #blockOf(blocks: Map<string, OpenBlock>, part: Fields): OpenBlock {
    const id = idOf(part);
    let block = blocks.get(id);
    if (block === undefined) blocks.set(id, (block = { characters: 0, providerMetadata: undefined }));
    // The last metadata of a block counts, as it does in the AI SDK itself.
    if (part['providerMetadata'] !== undefined)
      block.providerMetadata = metadataOf(part) ?? block.providerMetadata;
    return block;
  }

  #textDelta(part: Fields, out: StreamChunk[]): void {
    const content = text(part['delta']) ?? '';
    this.#blockOf(this.#texts, part).characters += content.length;
    this.#count(content);
    if (content !== '') out.push({ type: 'content', content, call: 0 });
  }

  #thinkingDelta(part: Fields, out: StreamChunk[]): void {
    const content = text(part['delta']) ?? '';
    this.#blockOf(this.#thoughts, part).characters += content.length;
    this.#count(content);
    if (content !== '') out.push({ type: 'thinking', content, call: 0 });
  }

  #textEnd(part: Fields, out: StreamChunk[]): void {
    const { characters, providerMetadata } = this.#blockOf(this.#texts, part);
    this.#texts.delete(idOf(part));
    const citations = part['citations'];
    if (Array.isArray(citations) && citations.length > 0)
      out.push({ type: 'content', content: '', citations });
    if (providerMetadata === undefined) return;
    const block = keptBlock(this.#context.origin, { type: 'text', characters, providerMetadata });
    out.push({ type: 'content', content: '', block });
  }

  #thinkingEnd(part: Fields, out: StreamChunk[]): void {
    const { characters, providerMetadata } = this.#blockOf(this.#thoughts, part);
    this.#thoughts.delete(idOf(part));
    if (characters === 0 && providerMetadata === undefined) return;
    const block = keptBlock(this.#context.origin, { providerMetadata });
    out.push({ type: 'thinking', content: '', block });
  }

  #result(part: Fields, out: StreamChunk[]): void {
    const id = this.#calls.idOf(part['toolCallId']) ?? text(part['toolCallId']) ?? '';
    const name = text(part['toolName']) ?? '';
    const result: unknown = part['result'];
    if (part['preliminary'] === true) {
      this.#context.call.call.alive('progress');
      out.push({ type: 'tool_progress', id, name, data: result });
      return;
    }
    const providerMetadata = metadataOf(part);
    const block = keptBlock(this.#context.origin, { result, providerMetadata });
    const content = typeof result === 'string' ? result : (JSON.stringify(result) ?? '');
    const isError = part['isError'] === true;
    out.push({ type: 'tool_result', id, name, content, isError, providerExecuted: true, block });
  }

  #file(part: Fields, out: StreamChunk[]): void {
    const data = fileData(part['data']);
    if (data === undefined) return this.#report('a file without content');
    const mediaType = filled(part['mediaType']) ?? 'application/octet-stream';
    const block = keptBlock(this.#context.origin, { providerMetadata: metadataOf(part) });
    out.push({ type: 'file', mediaType, ...data, block });
  }

  /** A part that only its provider understands. It keeps its place, and goes back. */
  #keep(part: Fields, out: StreamChunk[]): void {
    const isFile = part['type'] === 'reasoning-file';
    const data = isFile ? { ...part, data: fileData(part['data']) } : part;
    out.push({ type: 'content', content: '', block: blockFrom(this.#context.origin, data) });
  }

  #warnings(warnings: unknown): void {
    if (!Array.isArray(warnings)) return;
    const { provider, secrets, strict, call } = this.#context;
    for (const warning of warnings.filter(isRecord)) {
      const message = `${provider}: ${quoted(warningText(warning), secrets)}`;
      // The package tells it only after it has sent the request.
      if (strict && warning['type'] === 'unsupported')
        throw new SluiceError('invalid_request', message, { provider });
      call.warn(message);
    }
  }

  #metadata(part: Fields): void {
    const model = filled(part['modelId']);
    if (model === undefined) return;
    this.#model = model;
    this.#context.call.call.model = model;
  }

  /** What the input costs, in case that the call is cut. */
  #firstUsage(part: Fields): void {
    const { call } = this.#context;
    call.call.usage ??= firstUsageOf(metadataOf(part)?.['anthropic']?.['usage']);
  }

  #finish(part: Fields, out: StreamChunk[]): void {
    const { provider, requestId, call } = this.#context;
    const usage = usageOf(part['usage'], call.call.request, this.#characters);
    if (usage !== undefined) call.call.usage = usage;
    const serviceTier = serviceTierIn(part);
    if (serviceTier !== undefined) call.call.serviceTier = serviceTier;
    const finish = finishOf(part['finishReason'], this.#calls.hasOwn, this.#context);
    for (const name of this.#calls.unfinished) this.#report(`a call of ${name} that it never finished`);
    this.#calls.settle(finish.finishReason, out);
    const model = this.#model ?? call.call.model;
    this.#reply = {
      ...finish,
      usage,
      model,
      provider,
      requestId,
      ...(serviceTier !== undefined && { serviceTier }),
    };
  }

  /** Checks the finished reply for output. Call it after the last chunks were added. */
  check(): void {
    if (this.#reply !== undefined) this.#meter.checkEnd(this.#reply);
  }

  /** Counts what comes, also what waits behind a call and is not metered yet. */
  #count(delta: unknown): void {
    if (typeof delta !== 'string') return;
    this.#characters += delta.length;
    const { provider, limits } = this.#context;
    if (this.#characters <= limits.maxOutputCharacters) return;
    const message = `The output exceeds limits.maxOutputCharacters (${limits.maxOutputCharacters}).`;
    throw new SluiceError('protocol', message, { provider, retryable: false });
  }

  /** Warns once of each kind of part that is left out. */
  #report(what: string): void {
    if (this.#unknown.has(what)) return;
    this.#unknown.add(what);
    const { provider, secrets, call } = this.#context;
    call.warn(`${provider}: ${quoted(`the model sent ${what}, it is left out`, secrets)}`);
  }
}

function idOf(part: Fields): string {
  return text(part['id']) ?? '';
}

function warningText(warning: Fields): string {
  const details = text(warning['details']);
  const message = text(warning['message']);
  const what = text(warning['feature']) ?? text(warning['setting']);
  const said = [what === undefined ? undefined : `${what} (${String(warning['type'])})`, details ?? message];
  return said.filter((each) => each !== undefined).join(': ');
}

/** The service tier that was billed. OpenAI's package puts it into the metadata of the finish. */
function serviceTierIn(part: Fields): string | undefined {
  for (const fields of Object.values(metadataOf(part) ?? {})) {
    const tier = isRecord(fields) ? filled(fields['serviceTier']) : undefined;
    if (tier !== undefined) return tier;
  }
  return undefined;
}
