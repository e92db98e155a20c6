import { byId, setText } from './dom.ts';
import { Events } from './event-log.ts';
import { Counted } from './meters.ts';
import { Timeline } from './timeline.ts';
import type { ExecutionChunk, ExecutionResult } from './types.ts';

/** How many turns are kept to be looked into. */
const MOST = 20;

/** What is known of one turn. */
export class Turn {
  readonly counted: Counted;
  readonly timeline: Timeline;
  readonly events: Events;

  constructor(now: number) {
    this.counted = new Counted(now);
    this.timeline = new Timeline(now);
    this.events = new Events(now);
  }

  add(chunk: ExecutionChunk, now: number): void {
    this.counted.add(chunk, now);
    this.timeline.add(chunk, now);
    this.events.chunk(chunk, now);
  }

  end(now: number, result: ExecutionResult | undefined): void {
    this.counted.end(now);
    this.timeline.end(now, result);
  }
}

/** The turns of the chat that this page has seen: the newest is shown, until its reader goes back to another one. */
export class Turns {
  readonly #title = byId('turn-title', HTMLElement);
  readonly #before = byId('turn-before', HTMLButtonElement);
  readonly #after = byId('turn-after', HTMLButtonElement);
  #all: Turn[] = [];
  /** How many there were before those that are kept. */
  #dropped = 0;
  #at = -1;

  /** `changed`: another one is to be shown. */
  constructor(changed: () => void) {
    const go = (by: number): void => {
      this.#at = Math.min(this.#all.length - 1, Math.max(0, this.#at + by));
      this.#show();
      changed();
    };
    this.#before.addEventListener('click', () => go(-1));
    this.#after.addEventListener('click', () => go(1));
  }

  /** The one that runs or ran last. */
  get newest(): Turn | undefined {
    return this.#all.at(-1);
  }

  /** The one that is shown. */
  get shown(): Turn | undefined {
    return this.#all[this.#at];
  }

  begin(now: number): void {
    this.#all.push(new Turn(now));
    if (this.#all.length > MOST) {
      this.#all.shift();
      this.#dropped += 1;
    }
    this.#at = this.#all.length - 1;
    this.#show();
  }

  clear(): void {
    this.#all = [];
    this.#dropped = 0;
    this.#at = -1;
    this.#show();
  }

  #show(): void {
    const count = this.#all.length;
    const number = this.#dropped + this.#at + 1;
    setText(this.#title, count < 2 ? 'This turn' : `Turn ${number} of ${this.#dropped + count}`);
    for (const button of [this.#before, this.#after]) button.hidden = count < 2;
    // Whoever has the focus keeps it.
    this.#before.setAttribute('aria-disabled', String(this.#at <= 0));
    this.#after.setAttribute('aria-disabled', String(this.#at >= count - 1));
  }
}
