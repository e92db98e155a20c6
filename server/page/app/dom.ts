import { icon } from './icons.ts';
import type { IconName } from './icons.ts';

type Child = Node | string | undefined | false;

/** What an element has besides its children: `class`, `text`, and attributes. False and undefined leave an attribute out. */
type Properties = Readonly<Record<string, string | number | boolean | undefined>>;

/** Makes an element. Text is always text, never markup. */
export function el<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (key === 'text') element.textContent = String(value);
    else element.setAttribute(key, value === true ? '' : String(value));
  }
  for (const child of children) if (child !== undefined && child !== false) element.append(child);
  return element;
}

/** The element of the document with an id. Throws if it is missing or of another kind. */
export function byId<T extends HTMLElement>(id: string, kind: new () => T): T {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`The page has no ${kind.name} with the id "${id}".`);
}

/** Sets the text of an element if it is another one, so that nothing is drawn for nothing. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Copies text, and says on the button that it is done. */
export async function copy(text: string, button: HTMLButtonElement): Promise<void> {
  const word = button.querySelector('span') ?? button;
  let said = 'Copied';
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Not allowed, or the page has no TLS.
    said = 'Cannot copy';
  }
  setText(word, said);
  setTimeout(() => setText(word, 'Copy'), 1_500);
}

/** A small button with an icon and a word. */
export function smallButton(name: IconName, word: string): HTMLButtonElement {
  return el(
    'button',
    { type: 'button', class: 'quiet small', title: word },
    icon(name),
    el('span', { text: word }),
  );
}

/** What takes longer than this leaves as much time to its user, in milliseconds, and no more than `MOST_REST_MS`. */
const SLOW_MS = 20;
const MOST_REST_MS = 500;

/** Runs work at most once a frame, with what is known then. Also in a tab that is not seen, where there are no frames. */
export function perFrame(work: () => void): () => void {
  let isPlanned = false;
  let tookMs = 0;
  const run = (): void => {
    isPlanned = false;
    const begun = performance.now();
    work();
    tookMs = performance.now() - begun;
  };
  return () => {
    if (isPlanned) return;
    isPlanned = true;
    if (document.hidden) setTimeout(run, 250);
    else if (tookMs < SLOW_MS) requestAnimationFrame(run);
    else setTimeout(() => requestAnimationFrame(run), Math.min(tookMs, MOST_REST_MS));
  };
}
