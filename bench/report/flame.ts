/** Draws a flame graph of a CPU profile: wide functions took long, and a function is above its caller. */

/** The fields of a V8 CPU profile that are used here. */
export interface Profile {
  nodes: { id: number; callFrame: { functionName: string; url: string }; children?: number[] }[];
  samples?: number[];
  timeDeltas?: number[];
}

interface Frame {
  name: string;
  part: string;
  time: number;
  below: Map<string, Frame>;
}

const WIDTH = 1_200;
const ROW = 17;
/** Narrower functions are left out, in pixels. */
const LEAST = 1.2;

/** The groups of functions and their colors. The first match counts. */
const PARTS: readonly [part: string, color: string, is: (url: string, name: string) => boolean][] = [
  ['Sluice', '#5b8dd9', (url) => url.includes('/sluice/dist/')],
  ['SSE parser', '#7fb069', (url) => url.includes('/eventsource-parser/')],
  ['undici', '#d9935b', (url) => url.includes('/undici/') || url.startsWith('wasm:')],
  ['SDKs', '#c65bd9', (url) => /\/node_modules\/(?:openai|@anthropic-ai)\//.test(url)],
  ['other packages', '#b0a27f', (url) => url.includes('/node_modules/')],
  ['garbage collection', '#d95b5b', (_url, name) => name === '(garbage collector)'],
  ['Node and V8', '#9aa0a6', () => true],
];

/** Draws the SVG. Idle time is left out. */
export function flameOf(profile: Profile, title: string): string {
  const root = framesOf(profile);
  const scale = WIDTH / root.time;
  const height = (depthOf(root, scale) + 3) * ROW;
  const rows: string[] = [];
  draw(root, { left: 0, bottom: height - ROW - 4, scale, whole: root.time, rows });
  const legend = PARTS.map(
    ([part, color], index) =>
      `<rect x="${8 + index * 165}" y="${height - 14}" width="10" height="10" fill="${color}"/><text x="${23 + index * 165}" y="${height - 5}">${part}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="11">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="8" y="14" font-size="13">${escaped(title)}</text>`,
    ...rows,
    ...legend,
    '</svg>',
    '',
  ].join('\n');
}

/** Builds a tree of functions from the samples, by name and group. */
function framesOf({ nodes, samples = [], timeDeltas = [] }: Profile): Frame {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const callers = new Map<number, number>();
  for (const { id, children = [] } of nodes) for (const child of children) callers.set(child, id);
  const times = new Map<number, number>();
  samples.forEach((id, index) => times.set(id, (times.get(id) ?? 0) + (timeDeltas[index] ?? 0)));
  const root: Frame = { name: '', part: '', time: 0, below: new Map() };
  for (const [leaf, time] of times) {
    const path: { name: string; part: string }[] = [];
    for (let id: number | undefined = leaf; id !== undefined; id = callers.get(id)) {
      const { functionName = '', url = '' } = byId.get(id)?.callFrame ?? {};
      if (functionName !== '(root)') path.push({ name: functionName, part: partOf(url, functionName) });
    }
    if (path[0]?.name === '(idle)') continue;
    let at = root;
    at.time += time;
    for (const { name, part } of path.reverse()) {
      const key = `${part} ${name}`;
      const next = at.below.get(key) ?? { name, part, time: 0, below: new Map() };
      at.below.set(key, next);
      next.time += time;
      at = next;
    }
  }
  return root;
}

function partOf(url: string, name: string): string {
  return PARTS.find(([, , is]) => is(url, name))?.[0] ?? '';
}

function depthOf(frame: Frame, scale: number): number {
  const drawn = [...frame.below.values()].filter(({ time }) => time * scale >= LEAST);
  return Math.max(0, ...drawn.map((below) => 1 + depthOf(below, scale)));
}

interface Place {
  left: number;
  bottom: number;
  /** Pixels per microsecond. */
  scale: number;
  /** The total time. */
  whole: number;
  rows: string[];
}

/** Draws the functions that a frame called, widest first. */
function draw(frame: Frame, place: Place): void {
  const { bottom, scale, whole, rows } = place;
  let { left } = place;
  for (const below of [...frame.below.values()].sort((a, b) => b.time - a.time)) {
    const width = below.time * scale;
    if (width < LEAST) continue;
    const color = PARTS.find(([part]) => part === below.part)?.[1] ?? '#ccc';
    const label = `${below.name || '(anonymous)'}: ${((100 * below.time) / whole).toFixed(1)} %, ${below.part}`;
    const box = `<rect x="${left.toFixed(1)}" y="${bottom - ROW}" width="${(width - 0.4).toFixed(1)}" height="${ROW - 1}" fill="${color}"/>`;
    const name = width > 40 ? escaped(below.name.slice(0, Math.floor(width / 6.4))) : '';
    const text = name === '' ? '' : `<text x="${(left + 3).toFixed(1)}" y="${bottom - 5}">${name}</text>`;
    rows.push(`<g><title>${escaped(label)}</title>${box}${text}</g>`);
    draw(below, { ...place, left, bottom: bottom - ROW });
    left += width;
  }
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
