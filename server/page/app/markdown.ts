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

/** Text that grows, as markdown. Only the blocks that have changed are made again: as a rule the last one. */
export class Markdown {
  readonly element = el('div', { class: 'markdown' });
  #text = '';
  #blocks: { raw: string; element: HTMLElement }[] = [];

  show(text: string): void {
    if (text === this.#text) return;
    this.#text = text;
    const tokens = marked.lexer(text).filter(({ type }) => type !== 'space' && type !== 'def');
    tokens.forEach((token, at) => {
      const block = this.#blocks[at];
      if (block?.raw === token.raw) return;
      const element = el('div', { class: 'block' }, elementsOf(token));
      if (block === undefined) this.element.append(element);
      else block.element.replaceWith(element);
      this.#blocks[at] = { raw: token.raw, element };
    });
    for (const { element } of this.#blocks.splice(tokens.length)) element.remove();
  }
}
