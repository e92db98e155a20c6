import { el, setText } from './dom.ts';
import { duration } from './format.ts';
import type { Bar, Timeline } from './timeline.ts';

interface Row {
  element: HTMLElement;
  name: HTMLElement;
  note: HTMLElement;
  label: HTMLElement;
  pause: HTMLElement;
  wait: HTMLElement;
  thought: HTMLElement;
  work: HTMLElement;
  time: HTMLElement;
}

/** The timeline as bars under each other. */
export class Waterfall {
  readonly #rows: Row[] = [];
  readonly #list = el('ol');
  readonly #axis = el('div', { class: 'axis', 'aria-hidden': 'true' });
  readonly #chart = el('div', { class: 'chart', hidden: true }, this.#axis, this.#list);
  readonly #empty = el('p', { class: 'empty', text: 'Waits, attempts and tools appear here.' });

  constructor(frame: HTMLElement) {
    frame.append(this.#chart, this.#empty);
  }

  show(timeline: Timeline | undefined, now: number): void {
    const bars = timeline?.bars ?? [];
    this.#empty.hidden = bars.length > 0;
    this.#chart.hidden = bars.length === 0;
    if (timeline === undefined) return;
    const span = timeline.spanAt(now);
    this.#showAxis(span);
    bars.forEach((bar, at) => {
      const row = (this.#rows[at] ??= this.#newRow());
      this.#showRow(row, bar, span);
    });
    for (const { element } of this.#rows.splice(bars.length)) element.remove();
  }

  #newRow(): Row {
    const name = el('b');
    const note = el('small');
    const label = el('span', { class: 'label' }, name, ' ', note);
    const pause = el('i', { class: 'pause' });
    const wait = el('i', { class: 'wait' });
    const thought = el('i', { class: 'thought' });
    const work = el('i', { class: 'work' });
    const time = el('span', { class: 'time' });
    const track = el('span', { class: 'track', 'aria-hidden': 'true' }, pause, wait, thought, work);
    const element = el('li', {}, label, track, time);
    this.#list.append(element);
    return { element, name, note, label, pause, wait, thought, work, time };
  }

  #showRow(row: Row, bar: Bar, span: number): void {
    const { start, kind, isFailed } = bar;
    const end = bar.end ?? span;
    // A call that has failed before its first chunk is one red bar.
    const first = bar.first ?? (isFailed ? start : end);
    const spoke = Math.max(first, isFailed ? first : (bar.spoke ?? end));
    row.element.dataset['kind'] = kind;
    row.element.dataset['failed'] = String(isFailed);
    row.element.dataset['live'] = String(bar.end === undefined);
    setText(row.name, bar.label);
    setText(row.note, isFailed ? bar.note || 'failed' : bar.note);
    row.label.title = row.label.textContent.trim();
    setText(row.time, duration(end - start));
    place(row.pause, bar.pausedFrom ?? start, start, span);
    place(row.wait, start, first, span);
    place(row.thought, first, spoke, span);
    place(row.work, spoke, end, span);
  }

  #showAxis(span: number): void {
    const step = stepOf(span);
    const marks = Array.from({ length: Math.floor(span / step) + 1 }, (_, at) => at * step);
    while (this.#axis.children.length > marks.length) this.#axis.lastElementChild?.remove();
    while (this.#axis.children.length < marks.length) this.#axis.append(el('span'));
    marks.forEach((ms, at) => {
      const mark = this.#axis.children[at];
      if (!(mark instanceof HTMLElement)) return;
      mark.style.left = `${(ms / span) * 100}%`;
      setText(mark, ms === 0 ? '0' : duration(ms));
      mark.hidden = ms / span > 0.85;
    });
  }
}

function place(bar: HTMLElement, from: number, to: number, span: number): void {
  bar.style.left = `${(from / span) * 100}%`;
  bar.style.width = `${(Math.max(0, to - from) / span) * 100}%`;
  bar.hidden = to <= from;
}

/** A round distance of marks, so that there are three to six. */
function stepOf(span: number): number {
  const rough = span / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough) ?? rough;
}
