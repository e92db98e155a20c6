import type { ChatState } from '../../../client/index.ts';
import { byId, setText } from './dom.ts';

/** What the composer asks for. */
export interface ComposerActions {
  send(text: string): void;
  stop(): void;
  resume(): void;
  again(): void;
}

/** Errors of requests that the server did not take: there is no message on it that could be answered again. */
const UNANSWERABLE: ReadonlySet<string> = new Set([
  ...['authentication', 'permission', 'invalid_request', 'not_found', 'conflict'],
  ...['rate_limited', 'queue_full', 'session_busy', 'shutting_down'],
]);

/** The field for the prompt with its buttons. */
export class Composer {
  readonly field = byId('prompt', HTMLTextAreaElement);
  readonly #send = byId('send', HTMLButtonElement);
  readonly #stop = byId('stop', HTMLButtonElement);
  readonly #resume = byId('resume', HTMLButtonElement);
  readonly #failure = byId('failure', HTMLElement);
  readonly #again = byId('again', HTMLButtonElement);
  #isBusy = false;

  constructor(actions: ComposerActions) {
    const form = byId('composer', HTMLFormElement);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const text = this.field.value;
      if (this.#isBusy || text.trim() === '') return;
      this.field.value = '';
      this.#grow();
      actions.send(text);
    });
    this.field.addEventListener('input', () => this.#grow());
    this.field.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    });
    this.#stop.addEventListener('click', () => actions.stop());
    this.#resume.addEventListener('click', () => actions.resume());
    this.#again.addEventListener('click', () => actions.again());
    document.addEventListener('keydown', (event) => {
      const isTyping =
        event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
      const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
      if (event.key === 'Escape' && this.#isBusy && document.querySelector('dialog[open]') === null)
        actions.stop();
      if (event.key === '/' && !isTyping && isPlain) {
        event.preventDefault();
        this.field.focus();
      }
    });
  }

  show({ status, error, turnId, messages }: ChatState): void {
    const wasBusy = this.#isBusy;
    this.#isBusy = status === 'sending' || status === 'streaming' || status === 'reconnecting';
    const hadFocus = document.activeElement;
    this.#send.hidden = this.#isBusy;
    this.#stop.hidden = !this.#isBusy;
    // Whoever has pressed one of the two stays where they are.
    if (wasBusy !== this.#isBusy && (hadFocus === this.#send || hadFocus === this.#stop)) this.field.focus();
    const mayResume =
      error !== undefined && turnId !== undefined && ['network', 'truncated', 'timeout'].includes(error.code);
    this.#resume.hidden = this.#isBusy || !mayResume;
    const wait =
      error?.retryAfterMs === undefined ? '' : ` Try again in ${Math.ceil(error.retryAfterMs / 1_000)} s.`;
    this.fail(
      error === undefined ? undefined : `${error.message}${wait}`,
      error === undefined ? '' : [error.code, error.requestId].filter(Boolean).join(' · '),
    );
    this.#again.hidden = error === undefined || UNANSWERABLE.has(error.code) || messages.length === 0;
  }

  /** Says what is wrong; undefined: nothing. */
  fail(why: string | undefined, details = ''): void {
    this.#failure.hidden = why === undefined;
    this.#again.hidden = true;
    setText(byId('failure-text', HTMLElement), why ?? '');
    setText(byId('failure-details', HTMLElement), details);
  }

  /** Puts a text into the field, for its user to send. */
  suggest(text: string): void {
    this.field.value = text;
    this.#grow();
    this.field.focus();
  }

  #grow(): void {
    this.field.style.height = 'auto';
    this.field.style.height = `${Math.min(this.field.scrollHeight, 240)}px`;
  }
}
