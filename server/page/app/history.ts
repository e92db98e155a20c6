import { isCodedError } from '../../../client/index.ts';
import type { Client, ConversationPage } from '../../../client/index.ts';
import { byId, el, setText } from './dom.ts';
import { ago, brief, count, wordsOf } from './format.ts';

/** How many conversations are listed at once: the title of each is in its messages, which are read. */
const LISTED = 20;
/** How many are asked for at once. A store gives them in an order of its own, so all have to be known before the newest are. */
const ASKED = 1_000;
const EMPTY = 'Conversations that you begin are kept here.';

type Listed = ConversationPage['conversations'][number];

/** What the list needs to know, and what it asks for. */
export interface HistoryActions {
  client(): Client;
  /** Whose conversations are listed. */
  scope(): { pipeline: string | undefined; organization: string | undefined };
  /** The one that is shown. */
  current(): string;
  choose(conversation: string): void;
  /** One is gone. */
  deleted(conversation: string): void;
}

/** The conversations that the server keeps for the caller, newest first. */
export class History {
  readonly #dialog = byId('history', HTMLDialogElement);
  readonly #list = byId('history-list', HTMLElement);
  readonly #note = byId('history-note', HTMLElement);
  readonly #more = byId('history-more', HTMLButtonElement);
  readonly #actions: HistoryActions;
  /** Those that are not shown yet. */
  #rest: readonly Listed[] = [];
  /** How many times it was opened or closed: an answer that comes late is not taken. */
  #opened = 0;

  constructor(actions: HistoryActions) {
    this.#actions = actions;
    byId('open-history', HTMLButtonElement).addEventListener('click', () => {
      this.#opened += 1;
      this.#list.replaceChildren();
      this.#more.hidden = true;
      this.#dialog.showModal();
      void this.#read();
    });
    byId('close-history', HTMLButtonElement).addEventListener('click', () => this.#dialog.close());
    this.#more.addEventListener('click', () => this.#showMore());
    this.#dialog.addEventListener('click', (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
    this.#dialog.addEventListener('close', () => {
      this.#opened += 1;
    });
  }

  async #read(): Promise<void> {
    const opened = this.#opened;
    this.#say('Loading');
    try {
      const all = await this.#all(() => opened === this.#opened);
      if (all === undefined) return;
      this.#rest = all.sort((a, b) => b.updated_at - a.updated_at);
      this.#say(all.length === 0 ? EMPTY : undefined);
      this.#showMore();
    } catch (error) {
      if (opened === this.#opened) this.#say(isCodedError(error) ? error.message : String(error));
    }
  }

  /** Undefined if it was closed meanwhile. */
  async #all(isOpen: () => boolean): Promise<Listed[] | undefined> {
    const { conversations } = this.#actions.client();
    const all: Listed[] = [];
    let cursor: string | undefined;
    do {
      const page = await conversations.list({
        ...this.#actions.scope(),
        limit: ASKED,
        ...(cursor !== undefined && { cursor }),
      });
      if (!isOpen()) return undefined;
      all.push(...page.conversations);
      cursor = page.cursor;
      if (cursor !== undefined) this.#say(`Loading: ${count(all.length)} so far`);
    } while (cursor !== undefined);
    return all;
  }

  #showMore(): void {
    for (const { id, updated_at: at } of this.#rest.slice(0, LISTED)) this.#add(id, at);
    this.#rest = this.#rest.slice(LISTED);
    const hadFocus = document.activeElement === this.#more;
    this.#more.hidden = this.#rest.length === 0;
    if (this.#more.hidden && hadFocus) byId('close-history', HTMLButtonElement).focus();
  }

  #add(id: string, at: number): void {
    const title = el('b', { text: '…', dir: 'auto' });
    const isCurrent = id === this.#actions.current();
    const open = el(
      'button',
      { type: 'button', class: 'one', 'aria-current': isCurrent && 'true' },
      title,
      el('small', { text: ago(Date.now() - at) }),
    );
    open.addEventListener('click', () => {
      this.#dialog.close();
      this.#actions.choose(id);
    });
    const remove = el('button', { type: 'button', class: 'quiet small', text: 'Delete' });
    const item = el('li', {}, open, remove);
    remove.addEventListener('blur', () => setText(remove, 'Delete'));
    remove.addEventListener('click', () => {
      // Asks once more: nobody can bring it back.
      if (remove.textContent === 'Delete') setText(remove, 'Delete?');
      else void this.#delete(id, item);
    });
    this.#list.append(item);
    void this.#name(id, title);
  }

  /** A conversation is named after its first message. */
  async #name(id: string, title: HTMLElement): Promise<void> {
    try {
      const { messages, open_messages: open = [] } = await this.#actions
        .client()
        .conversations.read(id, this.#actions.scope());
      const first = [...messages, ...open].find(({ role }) => role === 'user');
      setText(title, brief(wordsOf(first?.content ?? '')) || id);
    } catch {
      setText(title, id);
    }
  }

  async #delete(id: string, item: HTMLElement): Promise<void> {
    try {
      await this.#actions.client().conversations.delete(id, this.#actions.scope());
    } catch (error) {
      this.#say(isCodedError(error) ? error.message : String(error));
      return;
    }
    const next = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    const button = next?.querySelector('button') ?? byId('close-history', HTMLButtonElement);
    button.focus();
    if (next === null) this.#say(EMPTY);
    this.#actions.deleted(id);
  }

  #say(what: string | undefined): void {
    this.#note.hidden = what === undefined;
    setText(this.#note, what ?? '');
  }
}
