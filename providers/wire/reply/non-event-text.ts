import { SluiceError } from '../../../src/index.ts';
import { errorIn, isReply, errorLayers, parsed, readable, messageIn } from '../errors/error-body.ts';
import { errorFromBody, type ErrorInfo } from '../errors/errors.ts';
import { isRecord } from '../json.ts';
import { quoted } from '../errors/scrub.ts';

/** How many characters of text other than JSON are collected. They only explain an error. */
const MAX_WORDS_CHARACTERS = 16 * 1024;

/** Matches a line of an event stream: the stream continues. */
const FRAMED = /[\r\n](?:data|event|id|retry)?:/;

/** Longer than what {@link FRAMED} matches. */
const LAST_CHARACTERS = 8;

/** Matches the name of a field before what may be JSON. */
const FIELD = /^(?:[\w.-]*:\s*)?/;

/** Words that make a text an error if nothing else tells. */
const ERROR_WORDS =
  /error|exception|fail|denied|forbidden|unauthori[sz]ed|unavailable|overload|refused|timed? ?out|exceeded|gateway|too many|not found|invalid|traceback|panic|fatal|capacity/i;

/**
 * Text in a body that is not part of any event. It is collected until it is complete, and is then either a reply or an
 * error.
 */
export class NonEventText {
  readonly #maxCharacters: number;
  #text = '';
  /** What the text is, by its first character. */
  #kind: 'JSON' | 'page' | 'words' | undefined;
  /** The end of the text so far. A line may end in one read, and the next line may come in another read. */
  #lastCharacters = '';
  #isComplete = false;
  #value: unknown;
  /** Long JSON is parsed only when its length has doubled, so that the total cost is linear. */
  #nextParse = 0;

  /** `maxCharacters` limits JSON, which may be a complete reply. */
  constructor(maxCharacters: number) {
    this.#maxCharacters = maxCharacters;
  }

  /** Whether the text is complete, as far as it can tell. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Adds text. Throws `protocol` if it is too long for a reply. */
  add(piece: string): void {
    if (this.#isComplete) return;
    const recent = this.#lastCharacters + piece;
    const next = FRAMED.exec(recent)?.index;
    this.#text += piece;
    if (next !== undefined) this.#text = this.#text.slice(0, this.#text.length - (recent.length - next));
    this.#lastCharacters = recent.slice(-LAST_CHARACTERS);
    if (this.#text.length > this.#maxCharacters) {
      const message = `The reply exceeds limits.maxEventCharacters (${this.#maxCharacters}).`;
      throw new SluiceError('protocol', message, { status: 200, retryable: false });
    }
    this.#kind ??= kindOf(this.#text);
    this.#isComplete = next !== undefined || this.#completes(piece);
    // The next line may belong to an event stream, and only a part of it may have come.
    if (this.#isComplete && this.#kind === 'words') this.#text = wholeLines(this.#text);
  }

  /** The complete reply, if the text is JSON and not an error. A reply on any of the APIs has one of these keys. */
  reply(): Record<string, unknown> | undefined {
    const value = this.#json();
    if (!isRecord(value) || errorIn(value) !== undefined) return undefined;
    return 'choices' in value || 'output' in value || 'content' in value ? value : undefined;
  }

  /** The error that the text stands for. `mediaType` is what the server says the body is. */
  error(info: ErrorInfo, mediaType: string): SluiceError {
    const text = this.#text.trim();
    const value = this.#json() ?? jsonOfLine(text);
    const body = errorIn(value);
    if (body !== undefined) return errorFromBody(body, info);
    if (value !== undefined && typeof value !== 'string') {
      const isError = isRecord(value) && !isReply(value) && messageIn(errorLayers(value)) !== '';
      return isError ? errorFromBody(value, info) : notEvents('JSON', '', info, mediaType);
    }
    const words = typeof value === 'string' ? value : readable(text);
    if (this.#kind === 'page') return notEvents('an HTML page', words, info, mediaType);
    if (!isWords(words)) return notEvents('text', '', info, mediaType);
    const [line = ''] = words.split(/[\r\n]/, 1);
    const isSentence = /\S\s+\S/.test(line.replace(FIELD, '')) || ERROR_WORDS.test(line);
    return isSentence ? errorFromBody({ message: words }, info) : notEvents('text', words, info, mediaType);
  }

  #completes(piece: string): boolean {
    if (this.#kind === 'page') return true;
    if (this.#kind === 'words') return /[\r\n]/.test(piece) || this.#text.length > MAX_WORDS_CHARACTERS;
    if (!/[\]}"]$/.test(piece.trimEnd())) return false;
    const { length } = this.#text;
    if (length > MAX_WORDS_CHARACTERS && length < this.#nextParse) return false;
    this.#nextParse = 2 * length;
    return this.#json() !== undefined;
  }

  #json(): unknown {
    if (this.#value !== undefined) return this.#value;
    const text = this.#text.trim();
    // Some servers end every reply as they end a stream.
    const end = text.endsWith('[DONE]') ? text.lastIndexOf('data:') : -1;
    return (this.#value = parsed(end > 0 ? text.slice(0, end) : text));
  }
}

/**
 * Whether the data of an event only keeps the connection alive, such as `ping` or OpenRouter's PROCESSING. JSON, a piece of
 * JSON and an error in words do not.
 */
export function isKeepAlive(data: string): boolean {
  if (data.startsWith('[') && !data.endsWith(']')) return false;
  return data.length <= 200 && isWords(data) && !ERROR_WORDS.test(data);
}

/**
 * Whether a text is for people to read. A piece of JSON is not, because it may be part of the reply; nor are control
 * characters.
 */
export function isWords(text: string): boolean {
  // eslint-disable-next-line no-control-regex -- what no text has
  return text !== '' && !/[{}"\u0000-\u0008\u000e-\u001f\u007f\ufffd]/.test(text);
}

function kindOf(text: string): 'JSON' | 'page' | 'words' {
  // This also removes a byte order mark.
  const start = text.trimStart();
  if (start.startsWith('<')) return 'page';
  return /^[[{"]/.test(start) ? 'JSON' : 'words';
}

/** A text up to its last line break, or all of it if it has none. */
function wholeLines(text: string): string {
  const end = Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r'));
  return end === -1 ? text : text.slice(0, end);
}

/** The JSON in a first line such as llama.cpp's `error: {...}`. */
function jsonOfLine(text: string): unknown {
  const [line = ''] = text.split(/[\r\n]/, 1);
  return parsed(line.replace(FIELD, ''));
}

/** The error for text that is neither an event nor an error message. */
function notEvents(what: string, words: string, info: ErrorInfo, mediaType: string): SluiceError {
  const { provider, requestId, secrets = [] } = info;
  const label = mediaType === 'text/event-stream' || mediaType === '' ? '' : ` (${mediaType.slice(0, 60)})`;
  const text = quoted(words, secrets);
  return new SluiceError(
    'protocol',
    `${provider} sent ${what}${label} instead of events${text === '' ? '.' : `: ${text}`}`,
    { provider, requestId, retryable: false },
  );
}
