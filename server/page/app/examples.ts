import { el } from './dom.ts';

/** Prompts to begin with: for text, for thinking and for a tool. */
const EXAMPLES = [
  { title: 'Explain', prompt: 'Explain how photosynthesis works' },
  {
    title: 'Think',
    prompt:
      'Think through this step by step: If I have 20 apples and give away 3/4 of them, then buy twice as many as I gave away, how many apples do I have?',
  },
  {
    title: 'Use a tool',
    prompt: 'Calculate the compound interest for $5000 at 3.5% annual rate for 8 years',
  },
];

/** Fills a list with prompts that are sent when they are pressed. */
export function showExamples(list: HTMLElement, send: (prompt: string) => void): void {
  for (const { title, prompt } of EXAMPLES) {
    const button = el('button', { type: 'button' }, el('b', { text: title }), el('span', { text: prompt }));
    button.addEventListener('click', () => send(prompt));
    list.append(el('li', {}, button));
  }
}
