import { byId } from './dom.ts';

/** So near to the end, in pixels, counts as at the end. */
const NEAR = 8;

/** Keeps the newest text in view until its reader scrolls up, and offers the way back. */
export class Scrolling {
  readonly #frame = byId('scroll', HTMLElement);
  readonly #latest = byId('latest', HTMLButtonElement);
  #isFollowed = true;
  #top = 0;

  constructor() {
    this.#frame.addEventListener('scroll', () => {
      const { scrollTop, scrollHeight, clientHeight } = this.#frame;
      const isAtEnd = scrollHeight - scrollTop - clientHeight < NEAR;
      // Only a reader goes up: text that comes moves the end away, and the view stays where it is.
      this.#isFollowed = isAtEnd || (this.#isFollowed && scrollTop >= this.#top);
      this.#top = scrollTop;
      this.#latest.hidden = this.#isFollowed;
    });
    // The prompt grows, or a keyboard covers half of the screen.
    new ResizeObserver(() => this.show()).observe(this.#frame);
    this.#latest.addEventListener('click', () => {
      // The button is gone then. The prompt would bring up the keyboard of a phone.
      this.#frame.focus();
      this.follow();
    });
  }

  /** Goes to the newest text, and stays there. */
  follow(): void {
    this.#isFollowed = true;
    this.show();
  }

  /** Is called when something was drawn. */
  show(): void {
    if (this.#isFollowed) {
      this.#frame.scrollTop = this.#frame.scrollHeight;
      this.#top = this.#frame.scrollTop;
    }
    const { scrollTop, scrollHeight, clientHeight } = this.#frame;
    this.#latest.hidden = this.#isFollowed || scrollHeight - scrollTop - clientHeight < NEAR;
  }
}
