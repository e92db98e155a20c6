/** A word problem, solved step by step. */
export interface Solved {
  steps: string[];
  answer: string;
}

/** Longer texts are not searched. */
const MAX_LENGTH = 500;

/** Somebody has things, gives a part of them away, and gets some times as many as that. */
const PROBLEM =
  /\bha(?:ve|s) (\d{1,9}) (\p{L}{2,30})\b.{0,60}?\bgives? away (\d{1,4})\/(\d{1,4})\b.{0,60}?\b(?:buys?|gets?) (twice|three times|four times) as many\b/iu;

const TIMES: Readonly<Record<string, number>> = { twice: 2, 'three times': 3, 'four times': 4 };

/** Solves the word problem of a prompt; undefined if it holds none of the kind that the demo model knows. */
export function wordProblem(prompt: string): Solved | undefined {
  if (prompt.length > MAX_LENGTH) return undefined;
  const [, count, things = '', part, whole, often = ''] = PROBLEM.exec(prompt) ?? [];
  const first = Number(count);
  const given = (first * Number(part)) / Number(whole);
  const times = TIMES[often.toLowerCase()];
  if (times === undefined || !Number.isInteger(given) || given > first) return undefined;
  const left = first - given;
  const bought = times * given;
  return {
    steps: [
      `I start with ${first} ${things}.`,
      `I give away ${part}/${whole} of them: ${first} × ${part}/${whole} = ${given}.`,
      `So ${first} - ${given} = ${left} are left.`,
      `Then I buy ${often.toLowerCase()} as many as I gave away: ${times} × ${given} = ${bought}.`,
      `Together that makes ${left} + ${bought} = ${left + bought}.`,
    ],
    answer: `You have **${left + bought} ${things}**: ${left} are left after giving ${given} away, and you buy ${bought}.`,
  };
}
