import { SluiceError } from '../../../src/index.ts';
import { errorIn, isAnswer, layersOf, parsed, readable, saidIn } from '../errors/error-body.ts';
import { errorFromBody, type ErrorInfo } from '../errors/errors.ts';
import { isRecord } from '../json.ts';
import { quoted } from '../errors/scrub.ts';

/** Most characters of anything but JSON that are waited for: they only explain an error. */
const MAX_WORDS_CHARACTERS = 16 * 1024;

/** A line of an event stream: the stream goes on. */
const FRAMED = /[\r\n](?:data|event|id|retry)?:/;

/** Longer than what {@link FRAMED} finds. */
const SEAM_CHARACTERS = 8;

/** The name of a field before what may be JSON. */
const FIELD = /^(?:[\w.-]*:\s*)?/;

/** A text that says of itself that it is an error, with nothing beside it that would tell. */
const SPEAKS_OF_ERROR =
  /error|exception|fail|denied|forbidden|unauthori[sz]ed|unavailable|overload|refused|timed? ?out|exceeded|gateway|too many|not found|invalid|traceback|panic|fatal|capacity/i;

/** What a body holds in place of events: collected until it says all, then either an answer or an error. */
export class StrayText {
  readonly #maxCharacters: number;
  #text = '';
  /** What it is by its first character. */
  #kind: 'JSON' | 'page' | 'words' | undefined;
  /** The end of what came so far: a line's end may come in one read, and what follows it in the next. */
  #seam = '';
  #isOver = false;
  #value: unknown;
  /** JSON that is longer than words are is looked at when it has doubled, so that all looks together are linear. */
  #nextLook = 0;

  /** `maxCharacters` bounds JSON, which may be a whole answer. */
  constructor(maxCharacters: number) {
    this.#maxCharacters = maxCharacters;
  }

  /** Whether all of it has come, as far as it can tell by itself. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Adds what came. Throws `protocol` if it is too long for an answer. */
  add(piece: string): void {
    if (this.#isOver) return;
    const seam = this.#seam + piece;
    const next = FRAMED.exec(seam)?.index;
    this.#text += piece;
    if (next !== undefined) this.#text = this.#text.slice(0, this.#text.length - (seam.length - next));
    this.#seam = seam.slice(-SEAM_CHARACTERS);
    if (this.#text.length > this.#maxCharacters) {
      const message = `The answer exceeds limits.maxEventCharacters (${this.#maxCharacters}).`;
      throw new SluiceError('protocol', message, { status: 200, retryable: false });
    }
    this.#kind ??= kindOf(this.#text);
    this.#isOver = next !== undefined || this.#saysAll(piece);
    // The line after them may be one of an event stream, of which only a part has come.
    if (this.#isOver && this.#kind === 'words') this.#text = wholeLines(this.#text);
  }

  /** A whole answer, if it is JSON that is no error: each wire's has one of these keys. */
  answer(): Record<string, unknown> | undefined {
    const value = this.#json();
    if (!isRecord(value) || errorIn(value) !== undefined) return undefined;
    return 'choices' in value || 'output' in value || 'content' in value ? value : undefined;
  }

  /** The error that it is. `mediaType` is what the server called it. */
  error(info: ErrorInfo, mediaType: string): SluiceError {
    const said = this.#text.trim();
    const value = this.#json() ?? jsonOfLine(said);
    const body = errorIn(value);
    if (body !== undefined) return errorFromBody(body, info);
    if (value !== undefined && typeof value !== 'string') {
      const isError = isRecord(value) && !isAnswer(value) && saidIn(layersOf(value)) !== '';
      return isError ? errorFromBody(value, info) : notEvents('JSON', '', info, mediaType);
    }
    const words = typeof value === 'string' ? value : readable(said);
    if (this.#kind === 'page') return notEvents('an HTML page', words, info, mediaType);
    if (!isWords(words)) return notEvents('text', '', info, mediaType);
    const [line = ''] = words.split(/[\r\n]/, 1);
    const isSentence = /\S\s+\S/.test(line.replace(FIELD, '')) || SPEAKS_OF_ERROR.test(line);
    return isSentence ? errorFromBody({ message: words }, info) : notEvents('text', words, info, mediaType);
  }

  #saysAll(piece: string): boolean {
    if (this.#kind === 'page') return true;
    if (this.#kind === 'words') return /[\r\n]/.test(piece) || this.#text.length > MAX_WORDS_CHARACTERS;
    if (!/[\]}"]$/.test(piece.trimEnd())) return false;
    const { length } = this.#text;
    if (length > MAX_WORDS_CHARACTERS && length < this.#nextLook) return false;
    this.#nextLook = 2 * length;
    return this.#json() !== undefined;
  }

  #json(): unknown {
    if (this.#value !== undefined) return this.#value;
    const said = this.#text.trim();
    // A server that ends every answer as it ends streams.
    const end = said.endsWith('[DONE]') ? said.lastIndexOf('data:') : -1;
    return (this.#value = parsed(end > 0 ? said.slice(0, end) : said));
  }
}

/**
 * Whether the data of an event are words that keep the connection alive, as `ping` or OpenRouter's PROCESSING: no JSON, nor a piece
 * of some, nor an error in words.
 */
export function isKeepAlive(data: string): boolean {
  if (data.startsWith('[') && !data.endsWith(']')) return false;
  return data.length <= 200 && isWords(data) && !SPEAKS_OF_ERROR.test(data);
}

/** Whether a text is for people to read: no piece of JSON, which may be the reply, and no rubbish. */
export function isWords(said: string): boolean {
  // eslint-disable-next-line no-control-regex -- what no text has
  return said !== '' && !/[{}"\u0000-\u0008\u000e-\u001f\u007f\ufffd]/.test(said);
}

function kindOf(said: string): 'JSON' | 'page' | 'words' {
  // This also takes off a byte order mark.
  const start = said.trimStart();
  if (start.startsWith('<')) return 'page';
  return /^[[{"]/.test(start) ? 'JSON' : 'words';
}

/** A text up to its last end of a line, or all of it if it has none. */
function wholeLines(said: string): string {
  const end = Math.max(said.lastIndexOf('\n'), said.lastIndexOf('\r'));
  return end === -1 ? said : said.slice(0, end);
}

/** The JSON in a first line like llama.cpp's `error: {...}`. */
function jsonOfLine(said: string): unknown {
  const [line = ''] = said.split(/[\r\n]/, 1);
  return parsed(line.replace(FIELD, ''));
}

/** The error of what is no event and does not say what it is. */
function notEvents(what: string, words: string, info: ErrorInfo, mediaType: string): SluiceError {
  const { provider, requestId, secrets = [] } = info;
  const label = mediaType === 'text/event-stream' || mediaType === '' ? '' : ` (${mediaType.slice(0, 60)})`;
  const said = quoted(words, secrets);
  return new SluiceError(
    'protocol',
    `${provider} sent ${what}${label} in place of events${said === '' ? '.' : `: ${said}`}`,
    { provider, requestId, retryable: false },
  );
}
