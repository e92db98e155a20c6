import { Markdown } from '../../../server/page/app/markdown.ts';

/** What a text becomes if it comes in pieces of so many characters. */
function grown(text: string, size: number): string {
  const markdown = new Markdown();
  for (let end = size; end < text.length + size; end += size) markdown.show(text.slice(0, end));
  return markdown.element.innerHTML;
}

/** What a text becomes if there is no time, and the number of elements after each step. */
function stepped(text: string): { html: string; counts: number[] } {
  const markdown = new Markdown();
  const counts: number[] = [];
  do {
    markdown.show(text, 0);
    counts.push(markdown.element.children.length);
  } while (!markdown.isDone);
  return { html: markdown.element.innerHTML, counts };
}

/** The elements of a first text that are still there after a second one. */
function kept(first: string, second: string): number {
  const markdown = new Markdown();
  markdown.show(first);
  const before = [...markdown.element.children];
  markdown.show(second);
  return before.filter((element) => element.isConnected || markdown.element.contains(element)).length;
}

Object.assign(globalThis, { grown, stepped, kept });
