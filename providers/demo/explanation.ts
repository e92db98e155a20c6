/** A request for an explanation, and its subject. */
const ASKED =
  /^(?:please\s+)?explain (?:to me )?(?:how |what |why )?(.{2,80}?)(?: works?| is| means)?[.?!]?$/i;

/** What the demo model knows. Everything else it explains in general words. */
const KNOWN: readonly (readonly [subject: RegExp, text: string])[] = [
  [
    /photosynthesis/i,
    [
      'Photosynthesis turns light into food. It happens in the **chloroplasts** of plants, algae and some bacteria.',
      '1. **Light is caught.** Chlorophyll takes in red and blue light. Its energy splits water into oxygen, hydrogen ions and electrons.\n2. **Energy is stored.** The electrons run along a chain of proteins and charge two carriers, ATP and NADPH.\n3. **Sugar is made.** In the Calvin cycle these carriers pay for binding carbon dioxide from the air into sugar.',
      'In one line: `6 CO2 + 6 H2O + light -> C6H12O6 + 6 O2`. The oxygen that we breathe is what is left over.',
    ].join('\n\n'),
  ],
];

/** Explains what a prompt asks to explain; undefined if it asks for something else. */
export function explanation(prompt: string): string | undefined {
  const subject = ASKED.exec(prompt)?.[1]?.trim();
  if (subject === undefined) return undefined;
  return KNOWN.find(([known]) => known.test(subject))?.[1];
}
