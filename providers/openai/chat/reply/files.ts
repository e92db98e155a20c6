import type { FileChunk, StreamChunk } from '../../../../src/index.ts';
import { base64OfBytes, blockFrom, bytesOfBase64, isRecord, streamError, text } from '../../../wire/index.ts';
import { ownOptionsOf } from '../../shared/reply-context.ts';
import type { OpenAIReplyContext } from '../../shared/reply-context.ts';

const DATA_URL = /^data:([^,;]*)((?:;[^,;]*)*),/;

/** Media types by file extension, and by OpenAI's names of audio formats. */
const MEDIA_TYPES: ReadonlyMap<string, string> = new Map([
  ['png', 'image/png'],
  ['jpg', 'image/jpeg'],
  ['jpeg', 'image/jpeg'],
  ['webp', 'image/webp'],
  ['gif', 'image/gif'],
  ['svg', 'image/svg+xml'],
  ['wav', 'audio/wav'],
  ['mp3', 'audio/mpeg'],
  ['flac', 'audio/flac'],
  ['opus', 'audio/opus'],
  ['aac', 'audio/aac'],
  ['pcm16', 'audio/pcm'],
]);

/**
 * An image that the model made: an object like those of OpenRouter and Gemini (`{ image_url: { url } }`), base64
 * (`b64_json`), or an address. Undefined if there is none.
 */
export function imageFile(image: unknown): FileChunk | undefined {
  const fields = isRecord(image) ? image : { url: image };
  const inner = fields['image_url'] ?? fields['url'];
  const address = text(inner) || (isRecord(inner) ? text(inner['url']) : undefined);
  const type = text(fields['media_type']) || text(fields['mime_type']);
  const file = address ? fileOf(address, type) : undefined;
  if (file !== undefined) return file;
  const data = text(fields['b64_json']) || text(fields['data']);
  return data ? { type: 'file', mediaType: type || 'image/png', data, call: 0 } : undefined;
}

/** A data URL as its data, any other address as it is. */
function fileOf(address: string, type: string | undefined): FileChunk {
  const found = DATA_URL.exec(address.slice(0, 200));
  if (found === null) {
    const ending = /\.(\w+)(?:[?#].*)?$/.exec(address.slice(-300))?.[1]?.toLowerCase() ?? '';
    return {
      type: 'file',
      mediaType: type || (MEDIA_TYPES.get(ending) ?? 'image/png'),
      url: address,
      call: 0,
    };
  }
  const [head, named, parameters = ''] = found;
  const mediaType = named || type || 'image/png';
  const rest = address.slice(head.length);
  if (/;base64$/i.test(parameters)) return { type: 'file', mediaType, data: rest, call: 0 };
  const data = base64OfEscaped(rest);
  return data === undefined
    ? { type: 'file', mediaType, url: address, call: 0 }
    : { type: 'file', mediaType, data, call: 0 };
}

function base64OfEscaped(escaped: string): string | undefined {
  try {
    return base64OfBytes([new TextEncoder().encode(decodeURIComponent(escaped))]);
  } catch {
    return undefined;
  }
}

/** The audio of a reply. Its pieces become one file at the end. Its transcript becomes text at once. */
export class AudioOutput {
  readonly #context: OpenAIReplyContext;
  readonly #bytes: Uint8Array[] = [];
  /** Characters of base64 that are not complete bytes yet. */
  #rest = '';
  #characters = 0;
  #id: string | undefined;
  #expiresAt: number | undefined;

  constructor(context: OpenAIReplyContext) {
    this.#context = context;
  }

  /** Whether the server has said that the audio is complete. */
  get ended(): boolean {
    return this.#expiresAt !== undefined;
  }

  /** Takes the next piece. Throws `protocol` over `maxOutputCharacters`. */
  add(audio: Record<string, unknown>, out: StreamChunk[]): void {
    this.#id ??= text(audio['id']) || undefined;
    const { transcript, data, expires_at: expiresAt } = audio;
    if (typeof expiresAt === 'number') this.#expiresAt = expiresAt;
    if (typeof transcript === 'string' && transcript !== '') {
      out.push({ type: 'content', content: transcript, call: 0 });
    }
    if (typeof data === 'string') this.#addData(data);
  }

  /** Ends the reply: pushes the file. */
  end(out: StreamChunk[]): void {
    if (this.#rest !== '') this.#bytes.push(bytesOfBase64(this.#rest));
    const data = base64OfBytes(this.#bytes);
    if (data === '') return;
    const id = this.#id;
    const block = { type: 'audio', id, ...(this.ended && { expires_at: this.#expiresAt }) };
    out.push({
      type: 'file',
      mediaType: this.#mediaType(),
      data,
      ...(id !== undefined && { id, block: blockFrom(this.#context.origin, block) }),
      call: 0,
    });
  }

  /**
   * Each piece is base64 of its own, or the pieces are one base64 text that is cut anywhere. Only groups of four characters
   * can be decoded.
   */
  #addData(data: string): void {
    this.#characters += data.length;
    const { maxOutputCharacters } = this.#context.limits;
    if (this.#characters > maxOutputCharacters) {
      const what = `the audio exceeds limits.maxOutputCharacters (${maxOutputCharacters})`;
      throw streamError(this.#context, 'protocol', what, false);
    }
    const all = this.#rest + data;
    const whole = all.endsWith('=') ? all.length : all.length - (all.length % 4);
    this.#rest = all.slice(whole);
    if (whole > 0) this.#bytes.push(bytesOfBase64(all.slice(0, whole)));
  }

  /** The format that the request asked for. Without one, a stream holds raw samples. */
  #mediaType(): string {
    const asked = ownOptionsOf(this.#context)['audio'];
    const format = (isRecord(asked) ? text(asked['format']) : undefined)?.toLowerCase() || 'pcm16';
    return MEDIA_TYPES.get(format) ?? `audio/${format}`;
  }
}
