const MIDDLES = [
  'nothing hurries, all arrives',
  'slow words gather in the dark',
  'carry light from stone to stone',
] as const;

const ENDS = ['the sea keeps no count', 'one more breath, then still', 'a door left ajar'] as const;

/** A haiku about a subject. It has five, seven and five syllables, as far as a rule can count them. */
export function haiku(subject: string): string {
  const sum = Array.from(subject).reduce((total, letter) => total + (letter.codePointAt(0) ?? 0), 0);
  return [
    opening(subject),
    MIDDLES[sum % MIDDLES.length],
    ENDS[Math.floor(sum / MIDDLES.length) % ENDS.length],
  ].join(',\n');
}

/** Five syllables that name the subject. */
function opening(subject: string): string {
  const rest = 5 - syllablesOf(subject);
  const before = ['', 'O ', 'Morning ', 'Morning, and ', 'Morning, and the '][rest];
  const line = before === undefined ? `Such a long name, ${subject}` : `${before}${subject}`;
  return line.charAt(0).toUpperCase() + line.slice(1);
}

/** Counts groups of vowels, without the silent e at the end. */
function syllablesOf(text: string): number {
  return text
    .toLowerCase()
    .split(/[^\p{L}]+/u)
    .filter((word) => word !== '')
    .reduce(
      (sum, word) =>
        sum + Math.max(1, (word.replace(/(?<=[^aeiouyl])e$/, '').match(/[aeiouy]+/g) ?? []).length),
      0,
    );
}
