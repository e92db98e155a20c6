import { copy, el, setText } from './dom.ts';
import { brief, count, pretty } from './format.ts';
import type { ExecutionChunk } from './types.ts';

/** How many rows are on the page; older ones leave it, but stay in the copy. */
const MOST_SHOWN = 1_000;
/** How many pieces of a row are told when it is opened: the newest. */
const MOST_PIECES = 500;
/** How many events are kept. */
const MOST_KEPT = 50_000;

/** One thing that happened: a chunk, or something about the connection. */
export interface LoggedEvent {
  /** Milliseconds from the beginning of the turn. */
  at: number;
  type: string;
  text: string;
  data: unknown;
  /** Events with the same one that follow each other are pieces of one row. */
  joins: string | undefined;
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

/** The events of one turn. */
export class Events {
  readonly all: LoggedEvent[] = [];
  readonly #startedAt: number;

  constructor(now: number) {
    this.#startedAt = now;
  }

  chunk(chunk: ExecutionChunk, now: number): void {
    this.#add(chunk.type, textOfChunk(chunk), chunk, now, joinOf(chunk));
  }

  note(type: string, text: string, now: number): void {
    this.#add(type, text, { type, text }, now);
  }

  #add(type: string, text: string, data: unknown, now: number, joins?: string): void {
    if (this.all.length < MOST_KEPT) this.all.push({ at: now - this.#startedAt, type, text, data, joins });
  }
}

/** All events of a turn, with a filter. */
export class EventLog {
  readonly #on: LogElements;
  #events: readonly LoggedEvent[] = [];
  /** Which of them is drawn next. */
  #next = 0;
  #isFollowed = true;
  readonly #kinds = new Set<string>();
  /** The newest row, which may grow. */
  #row: Row | undefined;

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

  /** Draws what has come since, or another turn. */
  show(events: Events | undefined): void {
    const all = events?.all ?? [];
    // Without a turn, each list is another one.
    if (all !== this.#events && all.length + this.#events.length > 0) this.#begin(all);
    this.#drawNew();
  }

  #drawNew(): void {
    const { list, frame, counter } = this.#on;
    for (; this.#next < this.#events.length; this.#next++) {
      const event = this.#events[this.#next];
      if (event === undefined) continue;
      this.#offer(event.type);
      if (this.#matches(event)) this.#draw(event);
    }
    while (list.children.length > MOST_SHOWN) list.firstElementChild?.remove();
    setText(counter, count(this.#events.length));
    if (this.#isFollowed) frame.scrollTop = frame.scrollHeight;
  }

  #draw(event: LoggedEvent): void {
    if (this.#row?.takes(event) === true) {
      this.#row.add(event);
      return;
    }
    this.#row = new Row(event);
    this.#on.list.append(this.#row.element);
  }

  /** Lists a kind of events to choose. */
  #offer(type: string): void {
    if (this.#kinds.has(type)) return;
    this.#kinds.add(type);
    this.#on.kind.append(el('option', { value: type, text: type }));
  }

  #begin(events: readonly LoggedEvent[]): void {
    this.#events = events;
    this.#on.list.replaceChildren();
    this.#row = undefined;
    this.#next = 0;
    this.#isFollowed = true;
  }

  #matches({ type, text }: LoggedEvent): boolean {
    const { kind, text: sought } = this.#on;
    return (
      (kind.value === '' || kind.value === type) &&
      (sought.value === '' || `${type} ${text}`.toLowerCase().includes(sought.value.toLowerCase()))
    );
  }

  #redraw(): void {
    this.#begin(this.#events);
    this.#drawNew();
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

/** One row: an event, or the pieces of a text that came one after the other. */
class Row {
  readonly element: HTMLElement;
  readonly #details = el('details');
  readonly #count = el('i', { hidden: true });
  readonly #text = el('span');
  readonly #pieces: LoggedEvent[] = [];
  #said = '';

  constructor(event: LoggedEvent) {
    const { at, type } = event;
    this.#details.dataset['type'] = type;
    this.#details.append(
      el(
        'summary',
        {},
        el('time', { text: seconds(at) }),
        el('span', {}, el('b', { text: type }), this.#count),
        this.#text,
      ),
    );
    this.#details.addEventListener('toggle', () => this.#tell());
    this.element = el('li', {}, this.#details);
    this.add(event);
  }

  /** Whether an event is another piece of this row. */
  takes({ joins }: LoggedEvent): boolean {
    return joins !== undefined && this.#pieces[0]?.joins === joins;
  }

  add(event: LoggedEvent): void {
    this.#pieces.push(event);
    const count = this.#pieces.length;
    this.#count.hidden = count === 1;
    setText(this.#count, `×${count}`);
    if (this.#said.length <= MOST_SAID) {
      this.#said += event.text;
      setText(this.#text, brief(this.#said, MOST_SAID));
    }
    if (this.#details.open) this.#tell();
  }

  /** Says all of it, if it is open. */
  #tell(): void {
    if (!this.#details.open) return;
    const [first] = this.#pieces;
    const text =
      this.#pieces.length === 1
        ? pretty(first?.data)
        : this.#pieces
            .slice(-MOST_PIECES)
            .map(({ at, text: piece }) => `${seconds(at)}  ${JSON.stringify(piece)}`)
            .join('\n');
    if (this.#details.children.length === 1) this.#details.append(el('pre'));
    setText(this.#details.children[1] ?? this.#details, text);
  }
}

/** How much of a row's text is told while it is closed, in characters. */
const MOST_SAID = 160;

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(3);
}

/** Pieces of one text follow each other. */
function joinOf(chunk: ExecutionChunk): string | undefined {
  if (chunk.type === 'content' || chunk.type === 'thinking') return `${chunk.type} ${chunk.call}`;
  return chunk.type === 'tool_call_delta' ? `${chunk.type} ${chunk.id}` : undefined;
}

function textOfChunk(chunk: ExecutionChunk): string {
  switch (chunk.type) {
    case 'content':
    case 'thinking':
      return chunk.content;
    case 'tool_call_delta':
      return chunk.name === undefined ? chunk.argumentsDelta : `${chunk.name} ${chunk.argumentsDelta}`;
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
