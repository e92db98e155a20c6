import type { ChatMessage, ChatState } from '../../../client/index.ts';
import { FileView, ThinkingCard, ToolCard } from './cards.ts';
import type { Deciding, View } from './cards.ts';
import { copy, el, setText, smallButton } from './dom.ts';
import { wordsOf } from './format.ts';
import { Markdown } from './markdown.ts';
import { sectionsOf } from './sections.ts';
import type { Section } from './sections.ts';

/** What can be done with messages. */
export interface MessageActions extends Deciding {
  regenerate(): void;
  edit(key: string, text: string): void;
}

/** Text of a reply, as markdown; that of a user as it was typed. */
class TextView implements View {
  readonly kind = 'text';
  readonly element: HTMLElement;
  readonly #markdown: Markdown | undefined;

  constructor(isMarkdown: boolean) {
    this.#markdown = isMarkdown ? new Markdown() : undefined;
    this.element = this.#markdown?.element ?? el('p', { class: 'said', dir: 'auto' });
  }

  get isDone(): boolean {
    return this.#markdown?.isDone !== false;
  }

  show(section: Section, until: number): void {
    if (section.kind !== 'text') return;
    if (this.#markdown === undefined) setText(this.element, section.text);
    else this.#markdown.show(section.text, until);
  }
}

/** One message on the page. */
class MessageView {
  readonly role: ChatMessage['role'];
  readonly element: HTMLLIElement;
  /** Whether it was the last one when it was shown. */
  isLast = false;
  readonly #body = el('div', { class: 'body' });
  readonly #tools = el('div', { class: 'tools' });
  readonly #actions: MessageActions;
  readonly #again = smallButton('again', 'Regenerate');
  readonly #edited = smallButton('edit', 'Edit');
  readonly #wait = el('div', { class: 'wait', 'aria-hidden': 'true' }, el('i'), el('i'), el('i'));
  readonly #cut = el('p', { class: 'cut', text: 'This reply was cut short.' });
  readonly #views: View[] = [];
  #message: ChatMessage;

  constructor(message: ChatMessage, actions: MessageActions) {
    this.role = message.role;
    this.#message = message;
    this.#actions = actions;
    const isUser = message.role === 'user';
    this.element = el(
      'li',
      { class: 'message', 'data-role': message.role },
      el('h2', { class: 'hidden', text: isUser ? 'You' : 'Reply' }),
      this.#body,
      this.#tools,
    );
    const copied = smallButton('copy', 'Copy');
    copied.addEventListener('click', () => void copy(this.#text(), copied));
    this.#tools.append(copied);
    if (isUser) {
      this.#edited.addEventListener('click', () => this.#edit());
      this.#tools.append(this.#edited);
    } else {
      this.#again.addEventListener('click', () => actions.regenerate());
      this.#tools.append(this.#again);
    }
  }

  get isDone(): boolean {
    return this.#views.every(({ isDone }) => isDone !== false);
  }

  show(message: ChatMessage, state: ChatState, isLast: boolean, until: number): void {
    this.#message = message;
    this.isLast = isLast;
    const sections = sectionsOf(message, state, isLast);
    sections.forEach((section, at) => {
      let view = this.#views[at];
      if (view?.kind !== section.kind) {
        for (const old of this.#views.splice(at)) old.element.remove();
        view = this.#viewOf(section);
        this.#views.push(view);
        this.#body.append(view.element);
      }
      view.show(section, until);
    });
    for (const old of this.#views.splice(sections.length)) old.element.remove();
    const isStreaming = message.state === 'streaming';
    this.element.dataset['state'] = message.state;
    toggle(this.#body, this.#wait, isStreaming && sections.length === 0);
    toggle(this.#body, this.#cut, message.state === 'partial' && state.pending.length === 0);
    this.#tools.hidden = isStreaming;
    this.#again.hidden = !isLast || state.status !== 'ready';
  }

  #viewOf(section: Section): View {
    switch (section.kind) {
      case 'text':
        return new TextView(this.role !== 'user');
      case 'thinking':
        return new ThinkingCard();
      case 'tool':
        return new ToolCard(this.#actions);
      case 'file':
        return new FileView();
    }
  }

  #text(): string {
    return wordsOf(this.#message.parts);
  }

  /** Puts a field in the place of the message. */
  #edit(): void {
    const field = el('textarea', { 'aria-label': 'Edit the message', rows: 3, dir: 'auto' });
    field.value = this.#text();
    const cancel = el('button', { type: 'button', class: 'quiet', text: 'Cancel' });
    const form = el(
      'form',
      { class: 'edit' },
      field,
      el('div', { class: 'row' }, cancel, el('button', { type: 'submit', class: 'send', text: 'Send' })),
    );
    const leave = (): void => {
      form.replaceWith(this.#body);
      this.#tools.hidden = false;
    };
    const cancelled = (): void => {
      leave();
      this.#edited.focus();
    };
    cancel.addEventListener('click', cancelled);
    form.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') {
        // It stops no reply.
        event.stopPropagation();
        cancelled();
      }
      if (event.key === 'Enter' && !event.shiftKey && event.target === field && !event.isComposing) {
        event.preventDefault();
        form.requestSubmit();
      }
    });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      leave();
      if (field.value.trim() !== '') this.#actions.edit(this.#message.key, field.value);
    });
    this.#body.replaceWith(form);
    this.#tools.hidden = true;
    field.focus();
  }
}

/** How long messages are made at a time, in milliseconds. */
const STEP_MS = 24;

/** The messages of the chat. Only what has changed is drawn again. */
export class Messages {
  readonly #list: HTMLElement;
  readonly #actions: MessageActions;
  #views: MessageView[] = [];
  #shown: readonly ChatMessage[] = [];

  constructor(list: HTMLElement, actions: MessageActions) {
    this.#list = list;
    this.#actions = actions;
  }

  /** Returns whether all is shown: if not, there is more to do in the next frame. */
  show(state: ChatState): boolean {
    const { messages } = state;
    const until = performance.now() + STEP_MS;
    messages.forEach((message, at) => {
      const isLast = at === messages.length - 1;
      let view = this.#views[at];
      // What stays as it was is not the last message, and was not the last one either.
      const isAsBefore = !isLast && view?.isLast === false && isSame(this.#shown[at], message);
      if (view?.role === message.role && isAsBefore && view.isDone) return;
      if (view?.role !== message.role) {
        for (const old of this.#views.splice(at)) old.element.remove();
        view = new MessageView(message, this.#actions);
        this.#views.push(view);
        this.#list.append(view.element);
      }
      view.show(message, state, isLast, until);
    });
    for (const old of this.#views.splice(messages.length)) old.element.remove();
    this.#shown = messages;
    return this.#views.every(({ isDone }) => isDone);
  }
}

function isSame(a: ChatMessage | undefined, b: ChatMessage): boolean {
  return (
    a?.state === b.state &&
    a.parts.length === b.parts.length &&
    a.parts.every((part, at) => part === b.parts[at] || JSON.stringify(part) === JSON.stringify(b.parts[at]))
  );
}

function toggle(parent: Element, child: Element, isThere: boolean): void {
  if (isThere) parent.append(child);
  else child.remove();
}
