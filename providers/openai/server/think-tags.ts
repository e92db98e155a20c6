import type { StreamChunk } from '../../../src/index.ts';

/** How a server marks thinking in the text. */
export type ThinkTagsOption = boolean | 'open';

const OPENING = ['<think>', '<thinking>', '<thought>'] as const;

/** How much white space may come before the tag, in characters. */
const MAX_BLANK = 1_000;

/**
 * Takes thinking in tags at the start of a reply out of its text. Anywhere else the tags are text. If the tag is never
 * closed, all of the reply is thinking.
 */
export class ThinkTags {
  #state: 'start' | 'inside' | 'flagged' | 'after' | 'text' = 'start';
  /** Text that cannot be classified yet: white space at the start, and the possible beginning of a tag. */
  #undecided = '';
  #closing = '</think>';
  /** Whether the text after the opening tag is only white space so far. */
  #blank = true;
  readonly #opened: boolean;

  /** `opened` says that the prompt template ends with the opening tag, so that the reply begins with thinking. */
  constructor(opened = false) {
    this.#opened = opened;
  }

  /** Whether all that follows is text. */
  get done(): boolean {
    return this.#state === 'text';
  }

  /** Takes the next characters of the reply's text. */
  add(text: string, out: StreamChunk[]): void {
    switch (this.#state) {
      case 'start':
        return this.#start(text, out);
      case 'inside':
        return this.#inside(text, out);
      case 'flagged':
      case 'after':
        return this.#after(text, out);
      case 'text':
        return say(text, out);
    }
  }

  /**
   * Takes text that the server marks as thinking. Gemini puts the opening tag before the first such text and the closing
   * tag before the reply.
   */
  addThinking(text: string, out: StreamChunk[]): void {
    const isFirst = this.#state !== 'flagged';
    this.#state = 'flagged';
    const tag = isFirst ? openingOf(text.trimStart()) : undefined;
    if (tag !== undefined) this.#closing = closingOf(tag);
    think(tag === undefined ? text : text.trimStart().slice(tag.length), out);
  }

  /** Ends the reply. */
  end(out: StreamChunk[]): void {
    if (this.#state === 'inside') think(this.#undecided, out);
    else say(this.#undecided, out);
    this.#undecided = '';
  }

  #start(text: string, out: StreamChunk[]): void {
    const all = this.#undecided + text;
    const rest = all.trimStart();
    const tag = openingOf(rest);
    this.#undecided = '';
    if (tag !== undefined) {
      this.#state = 'inside';
      this.#closing = closingOf(tag);
      this.#inside(rest.slice(tag.length), out);
    } else if (all.length < MAX_BLANK && OPENING.some((one) => one.startsWith(rest))) {
      this.#undecided = all;
    } else if (this.#opened) {
      this.#state = 'inside';
      this.#inside(all, out);
    } else {
      this.#state = 'text';
      say(all, out);
    }
  }

  #inside(text: string, out: StreamChunk[]): void {
    let all = this.#undecided + text;
    if (this.#blank) all = all.trimStart();
    if (all !== '') this.#blank = false;
    const at = all.indexOf(this.#closing);
    if (at >= 0) {
      think(all.slice(0, at), out);
      this.#state = 'after';
      this.#undecided = '';
      this.#after(all.slice(at), out);
      return;
    }
    const kept = all.length - beginningAtEnd(all, this.#closing);
    think(all.slice(0, kept), out);
    this.#undecided = all.slice(kept);
  }

  /** Drops the closing tag, if it is still there, and the white space after it. */
  #after(text: string, out: StreamChunk[]): void {
    const all = text.startsWith(this.#closing) ? text.slice(this.#closing.length) : text;
    const rest = all.trimStart();
    if (rest === '') return;
    this.#state = 'text';
    say(rest, out);
  }
}

/** Servers that send the tags, by the provider's `name` or by host. The ports are those of Ollama and LM Studio. */
const SERVERS =
  /ollama|lm-?studio|llama-?cpp|vllm|sglang|(?:^|\.)(?:together\.(?:xyz|ai)|fireworks\.ai|groq\.com|perplexity\.ai|minimaxi?\.(?:io|com|chat)|deepinfra\.com|sambanova\.ai|cerebras\.ai|nvidia\.com|huggingface\.co)(?::\d+)?$|:(?:11434|1234)$/;

/** Models that write the tags on any server. */
const MODELS =
  /deepseek-r1|r1-distill|qwq|qwen-?3|magistral|sonar-reasoning|minimax-m|glm-z1|exaone-deep|phi-?4-(?:mini-)?reasoning|smollm3|openthinker|deepscaler|cogito/;

/** Whether to expect thinking in tags: as the option says, else for servers and models that are known to send it. */
export function expectsThinkTags(
  option: ThinkTagsOption | undefined,
  { name, baseURL, model }: { name: string; baseURL: string | undefined; model: string },
): ThinkTagsOption {
  if (option !== undefined) return option;
  const host = baseURL !== undefined && URL.canParse(baseURL) ? new URL(baseURL).host : '';
  const words = [name, host, model].map((word) => word.toLowerCase().replace(/[\s_]/g, '-'));
  const [server = '', address = '', called = ''] = words;
  return SERVERS.test(server.replaceAll('.', '-')) || SERVERS.test(address) || MODELS.test(called);
}

function openingOf(text: string): string | undefined {
  const start = text.slice(0, 12).toLowerCase();
  return OPENING.find((tag) => start.startsWith(tag));
}

function closingOf(opening: string): string {
  return `</${opening.slice(1)}`;
}

/** How many characters at the end of a text may be the beginning of a tag. */
function beginningAtEnd(text: string, tag: string): number {
  for (let length = Math.min(tag.length - 1, text.length); length > 0; length--) {
    if (text.endsWith(tag.slice(0, length))) return length;
  }
  return 0;
}

function say(content: string, out: StreamChunk[]): void {
  if (content !== '') out.push({ type: 'content', content, call: 0 });
}

function think(content: string, out: StreamChunk[]): void {
  if (content !== '') out.push({ type: 'thinking', content, call: 0 });
}
