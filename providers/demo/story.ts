/** A very short story. Only its hero changes. */
export function story(hero: string): string {
  return [
    `Once there was ${hero}, and nobody had ever asked where the road went.`,
    'So one morning, before the birds were up, the road was followed to its end.',
    'There stood a gate, and the gate was open, and behind it lay the same valley, seen from the other side.',
    `It looked larger from there. And ${hero} went home by another way, and told everyone, and some of them came along the next time.`,
  ].join('\n\n');
}
