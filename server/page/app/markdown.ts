import DOMPurify from 'dompurify';
import { Marked, Parser } from 'marked';
import type { Token } from 'marked';
import { copy, el, smallButton } from './dom.ts';
import { highlighted } from './highlight.ts';

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    // Markup that a model writes is shown as it was written.
    html: ({ text }) => escaped(text),
    // An image from elsewhere would tell that place who reads this, and what the address of it says. It is a link.
    image: ({ href, text }) =>
      isDataImage(href)
        ? `<img src="${escaped(href)}" alt="${escaped(text)}">`
        : `<a href="${escaped(href)}">${escaped(text || href)}</a>`,
    // Below the heading of its message.
    heading({ tokens, depth }) {
      const level = Math.min(6, depth + 2);
      return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>`;
    },
    // A box that cannot be checked.
    checkbox: ({ checked }) => (checked ? '☑ ' : '☐ '),
  },
});

const TAGS =
  'a b blockquote br code del em h1 h2 h3 h4 h5 h6 hr i img li ol p pre s strong sub sup table tbody td th thead tr ul'.split(
    ' ',
  );

DOMPurify.addHook('afterSanitizeAttributes', (node) => {
  if (node.tagName !== 'A') return;
  node.setAttribute('target', '_blank');
  node.setAttribute('rel', 'noopener noreferrer nofollow');
});

function isDataImage(address: string): boolean {
  return /^data:image\/(?:png|jpeg|gif|webp);base64,/i.test(address);
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** The elements of one block of markdown. Nothing in it can run, load or send anything. */
function elementsOf(token: Token): DocumentFragment {
  const html = Parser.parse([token], { ...marked.defaults });
  const fragment = DOMPurify.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ['align', 'href', 'src', 'alt', 'title', 'start', 'class'],
    // The values of others are taken for addresses.
    ADD_URI_SAFE_ATTR: ['align', 'start'],
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|data:image\/(?:png|jpeg|gif|webp);base64,)/i,
    RETURN_DOM_FRAGMENT: true,
  });
  // It goes in the direction of its first words. What is in it must not have a direction of its own: its words would not count.
  for (const block of fragment.children) block.setAttribute('dir', 'auto');
  for (const pre of fragment.querySelectorAll('pre')) pre.replaceWith(codeBlock(pre));
  for (const table of fragment.querySelectorAll('table')) {
    const frame = el('div', { class: 'table', tabindex: 0, role: 'group', 'aria-label': 'Table' });
    table.replaceWith(frame);
    frame.append(table);
  }
  return fragment;
}

/** Code with the name of its language and a button that copies it. */
function codeBlock(pre: Element): HTMLElement {
  const code = pre.textContent;
  const language =
    /language-([\w+#.-]{1,24})/.exec(pre.querySelector('code')?.className ?? '')?.[1] ?? 'text';
  const button = smallButton('copy', 'Copy');
  button.addEventListener('click', () => void copy(code, button));
  return el(
    'figure',
    { class: 'code' },
    el('figcaption', {}, el('span', { text: language }), button),
    el(
      'pre',
      { tabindex: 0, role: 'group', 'aria-label': `Code, ${language}` },
      el('code', {}, ...highlighted(code.replace(/\n$/, ''), language)),
    ),
  );
}

/** How many blocks at the end may still become others: a line below a paragraph makes a heading or a table of it, and a list goes on after an empty line. */
const OPEN_BLOCKS = 2;

/** How much of a text is read at a time, in characters. */
const STEP = 10_000;

/** A block of a text, or what lies between two. */
interface Block {
  token: Token;
  /** Undefined until it is made. */
  element?: HTMLElement;
}

/** Text that grows, as markdown. What has not changed is neither read nor made again, and a long text is made in steps. */
export class Markdown {
  readonly element = el('div', { class: 'markdown' });
  #text = '';
  readonly #blocks: Block[] = [];
  /** How many blocks are made. */
  #made = 0;
  /** The addresses that the text has names for. They hold in all of it. */
  #names = '{}';

  #isDone = true;

  /** Whether all of the text is shown. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Shows a text: at least one more step of it, and all that can be done before the time `until`. */
  show(text: string, until = Infinity): void {
    const given = text.replaceAll(/\r\n?/g, '\n');
    do {
      const goesOn = given.startsWith(this.#text);
      const isMade = this.#made === this.#blocks.length;
      if (!goesOn || (isMade && this.#text.length < given.length)) {
        // With names, each reading is one of all that there is.
        const length = this.#names === '{}' ? (goesOn ? this.#text.length : 0) + STEP : given.length;
        this.#read(given.slice(0, length));
      }
      this.#make(until);
      this.#isDone = this.#made === this.#blocks.length && this.#text.length === given.length;
    } while (!this.#isDone && performance.now() < until);
  }

  #make(until: number): void {
    while (this.#made < this.#blocks.length) {
      const block = this.#blocks[this.#made++];
      if (block === undefined || isSpace(block)) continue;
      block.element = el('div', { class: 'block' }, elementsOf(block.token));
      this.element.append(block.element);
      if (performance.now() > until) return;
    }
  }

  #read(text: string): void {
    let from = this.#names === '{}' && text.startsWith(this.#text) ? this.#closed() : 0;
    const at = this.#blocks.slice(0, from).reduce((sum, { token }) => sum + token.raw.length, 0);
    let tokens = marked.lexer(text.slice(at));
    this.#text = text;
    const names = JSON.stringify(tokens.links);
    if (names !== this.#names) {
      // A name may be used before the line that gives it.
      this.#names = names;
      if (from > 0) tokens = marked.lexer(text);
      from = 0;
      this.#keep(0);
    }
    const changed = tokens.findIndex(({ raw }, index) => raw !== this.#blocks[from + index]?.token.raw);
    const same = changed === -1 ? tokens.length : changed;
    this.#keep(from + same);
    for (const token of tokens.slice(same)) this.#blocks.push({ token });
  }

  /** How many blocks stay as they are if the text goes on. */
  #closed(): number {
    let at = this.#blocks.length;
    for (let open = 0; at > 0 && open < OPEN_BLOCKS; at--) {
      const block = this.#blocks[at - 1];
      if (block !== undefined && !isSpace(block)) open += 1;
    }
    return at;
  }

  /** Keeps the first blocks, and takes away the others. */
  #keep(count: number): void {
    for (const { element } of this.#blocks.splice(count)) element?.remove();
    this.#made = Math.min(this.#made, count);
  }
}

function isSpace({ token }: Block): boolean {
  return token.type === 'space' || token.type === 'def';
}
