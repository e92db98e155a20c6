/** Takes the focus to one place if what had it is gone, so that nobody begins at the top of the page again. */
export class Focus {
  readonly #home: HTMLElement;
  /** What had the focus last. */
  #last: Element | undefined;

  constructor(home: HTMLElement) {
    this.#home = home;
    document.addEventListener('focusin', ({ target }) => {
      if (target instanceof Element) this.#last = target;
    });
  }

  /** Is called when something was drawn. */
  show(): void {
    const last = this.#last;
    // Who has pressed beside everything, or looks at a dialog, has lost nothing.
    if (last === undefined || isSeen(last) || document.querySelector('dialog[open]') !== null) return;
    const at = document.activeElement;
    if (at !== document.body && at !== last) return;
    this.#last = undefined;
    this.#home.focus();
  }
}

function isSeen(element: Element): boolean {
  return element.getClientRects().length > 0;
}
