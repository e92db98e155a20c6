import { median } from '../harness/statistics.ts';
import { digits } from './tables.ts';
import type { Table } from './tables.ts';

const WIDTH = 860;
const LABELS = 250;
const BAR = 16;
const STEP = 23;
const HEAD = 44;
const NUMBERS = 110;

/** Draws an SVG chart with one group per table: bars for the medians, and lines from minimum to maximum. */
export function chartOf(tables: readonly Table[]): string {
  let y = 20;
  const groups = tables.map((table) => {
    const drawn = group(table, y);
    y += HEAD + table.rows.length * STEP + 14;
    return drawn;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" font-family="system-ui, sans-serif" font-size="13">`,
    '<title>What Sluice costs compared to its peers</title>',
    `<rect width="${WIDTH}" height="${y}" fill="#ffffff"/>`,
    ...groups,
    '</svg>',
    '',
  ].join('\n');
}

function group({ title, unit, rows }: Table, top: number): string {
  const most = Math.max(...rows.flatMap(({ runs }) => runs));
  const scale = (WIDTH - LABELS - NUMBERS) / most;
  const bars = rows.map((row, index) => bar(row, top + HEAD + index * STEP, scale));
  const heading = `<text x="16" y="${top + 16}" font-size="15" font-weight="600" fill="#1b1f24">${escaped(title)}</text>`;
  const note = `<text x="16" y="${top + 33}" fill="#656d76">${escaped(`${unit}, lower is better`)}</text>`;
  return [heading, note, ...bars].join('\n');
}

function bar({ label, runs }: Table['rows'][number], y: number, scale: number): string {
  const middle = median(runs);
  const end = (value: number): string => (LABELS + Math.max(0, value) * scale).toFixed(1);
  const line = y + BAR / 2;
  const fill = label.startsWith('Sluice') ? '#0a7ea4' : '#c4ccd4';
  return [
    `<text x="${LABELS - 8}" y="${y + 12}" text-anchor="end" fill="#1b1f24">${escaped(label)}</text>`,
    `<rect x="${LABELS}" y="${y}" width="${(middle * scale).toFixed(1)}" height="${BAR}" rx="2" fill="${fill}"/>`,
    `<path d="M${end(Math.min(...runs))} ${line}H${end(Math.max(...runs))}" stroke="#57606a" stroke-width="1.5"/>`,
    `<text x="${(Number(end(Math.max(...runs))) + 8).toFixed(1)}" y="${y + 12}" fill="#1b1f24">${digits(middle)}</text>`,
  ].join('');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
