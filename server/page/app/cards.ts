import { copy, el, setText, smallButton } from './dom.ts';
import { brief, inBrief, pretty, prettyJson } from './format.ts';
import type { Section, ToolSection, ToolState } from './sections.ts';

/** What somebody may decide about a call. */
export interface Deciding {
  approve(callId: string): void;
  deny(callId: string, why: string): void;
}

/** A piece of a message on the page. */
export interface View {
  readonly kind: Section['kind'];
  readonly element: HTMLElement;
  /** False if there is more to show than there was time for. */
  readonly isDone?: boolean;
  /** Shows what can be shown before the time `until`. */
  show(section: Section, until: number): void;
}

/** What the model thinks: open while it is written, then closed, unless its reader has said otherwise. */
export class ThinkingCard implements View {
  readonly kind = 'thinking';
  readonly #text = el('div', { class: 'thought', dir: 'auto' });
  readonly #title = el('span', { text: 'Thinking' });
  readonly #note = el('span', { class: 'note' });
  readonly element = el(
    'details',
    { class: 'card thinking' },
    el('summary', {}, el('span', { class: 'icon', 'aria-hidden': 'true' }), this.#title, this.#note),
    this.#text,
  );
  #isTouched = false;

  constructor() {
    this.element.firstElementChild?.addEventListener('click', () => (this.#isTouched = true));
  }

  show(section: Section): void {
    if (section.kind !== 'thinking') return;
    setText(this.#text, section.text);
    setText(this.#title, section.isOpen ? 'Thinking' : 'Thought');
    const words = section.text.split(/\s+/).filter((word) => word !== '').length;
    setText(
      this.#note,
      words === 0 ? 'not shown by the model' : `${words} ${words === 1 ? 'word' : 'words'}`,
    );
    this.element.classList.toggle('live', section.isOpen);
    if (!this.#isTouched) this.element.open = section.isOpen;
  }
}

const WORDS: Readonly<Record<ToolState, string>> = {
  writing: 'is being written',
  running: 'running',
  waiting: 'waits for you',
  done: 'done',
  failed: 'failed',
  cut: 'not finished',
};

/** The head of a text, with a button that copies it. */
function titled(name: string, text: HTMLElement): HTMLElement {
  const button = smallButton('copy', 'Copy');
  button.addEventListener('click', () => void copy(text.textContent, button));
  return el('div', { class: 'title' }, el('p', { text: name }), button);
}

/** A tool call with its arguments, its result, and the buttons that decide about it. */
export class ToolCard implements View {
  readonly kind = 'tool';
  readonly #name = el('b');
  readonly #note = el('span', { class: 'note' });
  readonly #badge = el('span', { class: 'badge' });
  readonly #input = el('pre', { tabindex: 0, role: 'group', 'aria-label': 'Arguments' });
  readonly #output = el('pre', { tabindex: 0, role: 'group', 'aria-label': 'Result' });
  readonly #result = el(
    'div',
    { class: 'result', hidden: true },
    titled('Result', this.#output),
    this.#output,
  );
  readonly #progress = el('p', { class: 'progress', hidden: true });
  readonly #why = el('input', {
    type: 'text',
    placeholder: 'Why not, if you deny it',
    'aria-label': 'Why the call is denied',
  });
  readonly #asked = el('p');
  readonly #approve = el('button', { type: 'button', class: 'send', text: 'Approve' });
  readonly #deny = el('button', { type: 'button', class: 'stop', text: 'Deny' });
  readonly #decision = el(
    'div',
    { class: 'decision', hidden: true },
    this.#asked,
    el('div', { class: 'row' }, this.#why, this.#deny, this.#approve),
  );
  readonly #body = el(
    'details',
    {},
    el(
      'summary',
      {},
      el('span', { class: 'icon', 'aria-hidden': 'true' }),
      this.#name,
      this.#note,
      this.#badge,
    ),
    titled('Arguments', this.#input),
    this.#input,
    this.#progress,
    this.#result,
  );
  readonly element = el('section', { class: 'card tool' }, this.#body, this.#decision);
  #id = '';
  #isAsked = false;

  constructor(deciding: Deciding) {
    this.#approve.addEventListener('click', () => deciding.approve(this.#id));
    this.#deny.addEventListener('click', () => deciding.deny(this.#id, this.#why.value));
  }

  show(section: Section): void {
    if (section.kind !== 'tool') return;
    this.#id = section.id;
    this.element.dataset['state'] = section.state;
    this.element.setAttribute('aria-label', `Tool ${section.name}, ${WORDS[section.state]}`);
    setText(this.#name, section.name === '' ? 'tool' : section.name);
    setText(this.#note, brief(inBrief(section.input), 80));
    setText(this.#badge, WORDS[section.state]);
    setText(this.#input, section.input);
    this.#showOutput(section);
    this.#showDecision(section);
  }

  #showOutput({ output, progress }: ToolSection): void {
    const content = output?.type === 'tool_result' ? output.content : undefined;
    this.#result.hidden = content === undefined;
    if (content !== undefined)
      setText(this.#output, typeof content === 'string' ? prettyJson(content) : pretty(content));
    this.#progress.hidden = progress === undefined || content !== undefined;
    if (progress !== undefined) setText(this.#progress, brief(pretty(progress), 200));
  }

  #showDecision({ pending, name }: ToolSection): void {
    const waits = pending?.waitsFor;
    this.#decision.hidden = pending === undefined || waits === 'client';
    if (pending === undefined) {
      // Once it is decided, what was opened for that is closed again.
      if (this.#isAsked) this.#body.open = false;
      this.#isAsked = false;
      return;
    }
    const question =
      waits === 'unknown'
        ? `“${name}” had begun when its run ended, and may have taken effect. Run it again?`
        : `May “${name}” run with these arguments?`;
    setText(this.#asked, pending.reason === undefined ? question : `${question} ${pending.reason}.`);
    if (!this.#isAsked) this.#body.open = true;
    this.#isAsked = true;
  }
}

/** An image or another file that the model made. What lies elsewhere is a link: the page loads nothing. */
export class FileView implements View {
  readonly kind = 'file';
  readonly element = el('figure', { class: 'file' });
  #shown = '';

  show(section: Section): void {
    if (section.kind !== 'file') return;
    const { part } = section;
    const { mediaType = 'image/png', data, url } = part;
    const address = data === undefined ? (url ?? '') : `data:${mediaType};base64,${data}`;
    if (address === this.#shown) return;
    this.#shown = address;
    const isImage = /^data:image\/(?:png|jpeg|gif|webp|avif);/.test(address);
    const isLink = /^https?:\/\//.test(address);
    this.element.replaceChildren(
      isImage
        ? el('img', { src: address, alt: 'Image in this message' })
        : isLink
          ? el('a', { href: address, target: '_blank', rel: 'noopener noreferrer nofollow', text: address })
          : el('span', { text: `A file of the type ${mediaType}` }),
    );
  }
}
