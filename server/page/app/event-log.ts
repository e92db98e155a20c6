import { copy, el, setText } from './dom.ts';
import { brief, count, pretty } from './format.ts';
import type { ExecutionChunk } from './types.ts';

/** How many events are on the page; older ones leave it, but stay in the copy. */
const MOST_SHOWN = 1_000;
/** How many events are kept. */
const MOST_KEPT = 50_000;

/** One thing that happened: a chunk, or something about the connection. */
interface LoggedEvent {
  /** Milliseconds from the beginning of the turn. */
  at: number;
  type: string;
  text: string;
  data: unknown;
}

/** The parts of the page that the log is made of. */
export interface LogElements {
  list: HTMLElement;
  frame: HTMLElement;
  kind: HTMLSelectElement;
  text: HTMLInputElement;
  counter: HTMLElement;
  copy: HTMLButtonElement;
}

/** All events of a turn, with a filter. */
export class EventLog {
  readonly #on: LogElements;
  #startedAt = 0;
  #events: LoggedEvent[] = [];
  /** Which of them is drawn next. */
  #next = 0;
  #isFollowed = true;
  readonly #kinds = new Set<string>();

  constructor(on: LogElements) {
    this.#on = on;
    on.kind.append(el('option', { value: '', text: 'all events' }));
    on.kind.addEventListener('change', () => this.#redraw());
    on.text.addEventListener('input', () => this.#redraw());
    on.copy.addEventListener('click', () => void copy(this.#asText(), on.copy));
    on.frame.addEventListener('scroll', () => {
      const { scrollTop, scrollHeight, clientHeight } = on.frame;
      this.#isFollowed = scrollHeight - scrollTop - clientHeight < 24;
    });
  }

  begin(now: number): void {
    this.#startedAt = now;
    this.#events = [];
    this.#redraw();
  }

  chunk(chunk: ExecutionChunk, now: number): void {
    this.#add(chunk.type, textOfChunk(chunk), chunk, now);
  }

  note(type: string, text: string, now: number): void {
    this.#add(type, text, { type, text }, now);
  }

  /** Draws what has come since. */
  show(): void {
    const { list, frame, counter } = this.#on;
    for (; this.#next < this.#events.length; this.#next++) {
      const event = this.#events[this.#next];
      if (event !== undefined && this.#matches(event)) list.append(rowOf(event));
    }
    while (list.children.length > MOST_SHOWN) list.firstElementChild?.remove();
    setText(counter, count(this.#events.length));
    if (this.#isFollowed) frame.scrollTop = frame.scrollHeight;
  }

  #add(type: string, text: string, data: unknown, now: number): void {
    if (!this.#kinds.has(type)) {
      this.#kinds.add(type);
      this.#on.kind.append(el('option', { value: type, text: type }));
    }
    if (this.#events.length < MOST_KEPT) this.#events.push({ at: now - this.#startedAt, type, text, data });
  }

  #matches({ type, text }: LoggedEvent): boolean {
    const { kind, text: sought } = this.#on;
    return (
      (kind.value === '' || kind.value === type) &&
      (sought.value === '' || `${type} ${text}`.toLowerCase().includes(sought.value.toLowerCase()))
    );
  }

  #redraw(): void {
    this.#on.list.replaceChildren();
    this.#next = 0;
    this.#isFollowed = true;
    // Only what will stay is drawn.
    const matching = this.#events.filter((event) => this.#matches(event));
    this.#on.list.append(...matching.slice(-MOST_SHOWN).map(rowOf));
    this.#next = this.#events.length;
    this.show();
  }

  /** Lines of JSON: what the filter lets through. */
  #asText(): string {
    return this.#events
      .filter((event) => this.#matches(event))
      .map(({ at, data }) =>
        JSON.stringify({ atMs: Math.round(at), ...(typeof data === 'object' ? data : {}) }),
      )
      .join('\n');
  }
}

function rowOf({ at, type, text, data }: LoggedEvent): HTMLElement {
  const details = el(
    'details',
    {},
    el(
      'summary',
      {},
      el('time', { text: (at / 1_000).toFixed(3) }),
      el('b', { text: type }),
      el('span', { text: brief(text, 160) }),
    ),
  );
  details.dataset['type'] = type;
  details.addEventListener('toggle', () => {
    if (details.children.length === 1) details.append(el('pre', { text: pretty(data) }));
  });
  return el('li', {}, details);
}

function textOfChunk(chunk: ExecutionChunk): string {
  switch (chunk.type) {
    case 'content':
    case 'thinking':
      return JSON.stringify(chunk.content);
    case 'tool_call_delta':
      return `${chunk.name ?? ''} ${chunk.argumentsDelta}`;
    case 'tool_call':
      return `${chunk.name} ${JSON.stringify(chunk.arguments)}`;
    case 'tool_progress':
      return `${chunk.name} ${JSON.stringify(chunk.data)}`;
    case 'tool_result':
      return `${chunk.name} ${chunk.content}`;
    case 'file':
      return chunk.mediaType;
    case 'reset':
      return `${chunk.reason}, calls ${chunk.calls.join(', ')}`;
    case 'done':
      return `${chunk.result.outcome}${chunk.result.reason === undefined ? '' : `, ${chunk.result.reason}`}`;
  }
}
