import type { StreamChunk } from '../../../src/index.ts';

/** How a server marks the model's thinking inside the text. */
export type ThinkTagsOption = boolean | 'open';

const OPENING = ['<think>', '<thinking>', '<thought>'] as const;

/** White space that may stand before the tag, in characters. */
const MAX_BLANK = 1_000;

/**
 * Takes the thinking that stands in tags at the start of a reply out of its text. Anywhere else the tags are text. Thinking
 * whose tag is never closed is thinking to the end.
 */
export class ThinkTags {
  #state: 'start' | 'inside' | 'flagged' | 'after' | 'text' = 'start';
  /** What cannot be told yet: white space at the start, and what may be the beginning of a tag. */
  #held = '';
  #closing = '</think>';
  /** Whether the text so far, from the opening tag on, is only white space. */
  #blank = true;
  readonly #opened: boolean;

  /** `opened`: the prompt's template has the opening tag at its end, so that the reply begins inside. */
  constructor(opened = false) {
    this.#opened = opened;
  }

  /** Whether all that follows is text. */
  get done(): boolean {
    return this.#state === 'text';
  }

  /** The next characters of the reply's text. */
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

  /** Text that the server says is thinking. Gemini puts the opening tag before the first, the closing one before the answer. */
  addThinking(text: string, out: StreamChunk[]): void {
    const isFirst = this.#state !== 'flagged';
    this.#state = 'flagged';
    const tag = isFirst ? openingOf(text.trimStart()) : undefined;
    if (tag !== undefined) this.#closing = closingOf(tag);
    think(tag === undefined ? text : text.trimStart().slice(tag.length), out);
  }

  /** The reply is over. */
  end(out: StreamChunk[]): void {
    if (this.#state === 'inside') think(this.#held, out);
    else say(this.#held, out);
    this.#held = '';
  }

  #start(text: string, out: StreamChunk[]): void {
    const all = this.#held + text;
    const rest = all.trimStart();
    const tag = openingOf(rest);
    this.#held = '';
    if (tag !== undefined) {
      this.#state = 'inside';
      this.#closing = closingOf(tag);
      this.#inside(rest.slice(tag.length), out);
    } else if (all.length < MAX_BLANK && OPENING.some((one) => one.startsWith(rest))) {
      this.#held = all;
    } else if (this.#opened) {
      this.#state = 'inside';
      this.#inside(all, out);
    } else {
      this.#state = 'text';
      say(all, out);
    }
  }

  #inside(text: string, out: StreamChunk[]): void {
    let all = this.#held + text;
    if (this.#blank) all = all.trimStart();
    if (all !== '') this.#blank = false;
    const at = all.indexOf(this.#closing);
    if (at >= 0) {
      think(all.slice(0, at), out);
      this.#state = 'after';
      this.#held = '';
      this.#after(all.slice(at), out);
      return;
    }
    const kept = all.length - beginningAtEnd(all, this.#closing);
    think(all.slice(0, kept), out);
    this.#held = all.slice(kept);
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

/** Servers that pass the tags on, by the name that the provider was given or by host; the ports are Ollama's and LM Studio's. */
const SERVERS =
  /ollama|lm-?studio|llama-?cpp|vllm|sglang|(?:^|\.)(?:together\.(?:xyz|ai)|fireworks\.ai|groq\.com|perplexity\.ai|minimaxi?\.(?:io|com|chat)|deepinfra\.com|sambanova\.ai|cerebras\.ai|nvidia\.com|huggingface\.co)(?::\d+)?$|:(?:11434|1234)$/;

/** Models that write the tags, wherever they are served. */
const MODELS =
  /deepseek-r1|r1-distill|qwq|qwen-?3|magistral|sonar-reasoning|minimax-m|glm-z1|exaone-deep|phi-?4-(?:mini-)?reasoning|smollm3|openthinker|deepscaler|cogito/;

/** Whether thinking in tags is to be expected in the text: as the option says, else of servers and models that are known for it. */
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

/** How many characters at the end of a text are the beginning of a tag. */
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
