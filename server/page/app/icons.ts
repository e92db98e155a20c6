/** What the icons are drawn with, on a field of 24 by 24. */
const PATHS = {
  system: ['M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z', 'M12 3a9 9 0 0 0 0 18z'],
  light: [
    'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6 19 19M19 5l-1.4 1.4M6.4 17.6 5 19',
  ],
  dark: ['M20 14.5A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.5 10.5z'],
  copy: ['M9 9h10v11H9zM5 15V4h10'],
  again: ['M20 11a8 8 0 1 0-2.3 6.7M20 5v6h-6'],
  edit: ['M4 20l1-4L16 5l3 3L8 19zM14 7l3 3'],
} as const;

/** The name of an icon. */
export type IconName = keyof typeof PATHS;

/** A picture beside a word, or in its place. It is not read aloud. */
export function icon(name: IconName): SVGElement {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'glyph');
  svg.setAttribute('aria-hidden', 'true');
  PATHS[name].forEach((shape, at) => {
    const path = document.createElementNS(space, 'path');
    path.setAttribute('d', shape);
    // The first one is lines, others are filled.
    if (at > 0) path.setAttribute('class', 'full');
    svg.append(path);
  });
  return svg;
}
