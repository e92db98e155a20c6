import { textOf, type Message } from '../../src/index.ts';

const FACT = /\bmy ([\p{L}][\p{L} ]{0,40}?) (?:is|are) (?!what\b|my\b)([^.!?,;\n]{1,80})/giu;
const NAME = /\b(?:call me|i am called|i'm called) ([\p{L}][\p{L}'-]{0,40})/iu;
const ASKED_FACT =
  /\b(?:what(?:'s|’s| is| are| was)|do you (?:know|remember)|tell me|remind me (?:of|what)) my ([\p{L}][\p{L} ]{0,40})/iu;
const ASKED_NAME = /\bwho am i\b|\bmy name\b.*\?/i;

/** Answers a question about the conversation. Undefined for any other prompt. */
export function recall(messages: readonly Message[], prompt: string): string | undefined {
  const said = messages.filter(({ role }) => role === 'user').map((message) => textOf(message).trim());
  const earlier = said.slice(0, -1);
  const place = /\b(?:first|last|previous|before|earlier)\b/i.exec(prompt)?.[0].toLowerCase();
  if (
    place !== undefined &&
    /\b(?:say|said|ask|asked|question|message|tell|told|prompt|words?)\b/i.test(prompt)
  ) {
    if (/\b(?:you|your)\b/i.test(prompt) && !/\b(?:i|my)\b/i.test(prompt)) {
      return quoteOf(ownWords(messages), place, 'I have not said anything yet.', 'What I said');
    }
    return quoteOf(earlier, place, 'This is the first thing you have said.', 'What you said');
  }
  const asked =
    ASKED_FACT.exec(prompt)?.[1]
      ?.split(/\s+and\b/i)[0]
      ?.trim() ?? (ASKED_NAME.test(prompt) ? 'name' : undefined);
  if (asked !== undefined && !prompt.toLowerCase().includes(`my ${asked.toLowerCase()} is`)) {
    const fact = factsOf(earlier).get(asked.toLowerCase());
    return fact === undefined ? `You have not told me your ${asked} yet.` : `Your ${asked} is ${fact}.`;
  }
  const told = [...factsOf([prompt])];
  if (told.length === 0) return undefined;
  const [[what, value] = ['', '']] = told;
  if (what === 'name') return `Nice to meet you, ${value}! I will remember your name.`;
  return `I will remember that your ${what} is ${value}.`;
}

function factsOf(texts: readonly string[]): Map<string, string> {
  const facts = new Map<string, string>();
  for (const text of texts) {
    for (const [, what = '', value = ''] of text.matchAll(FACT)) {
      // "My name is Ada and I like rivers": the name ends before "and".
      const [own = value] = what.toLowerCase() === 'name' ? value.split(/\s+(?:and|but)\s/i) : [value];
      facts.set(what.toLowerCase(), own.trim());
    }
    const name = NAME.exec(text)?.[1];
    if (name !== undefined) facts.set('name', name);
  }
  return facts;
}

function ownWords(messages: readonly Message[]): string[] {
  return messages.filter(({ role }) => role === 'assistant').map((message) => textOf(message).trim());
}

function quoteOf(texts: readonly string[], place: string, none: string, what: string): string {
  const text = place === 'first' ? texts[0] : texts.at(-1);
  if (text === undefined) return none;
  return `${what} ${place === 'first' ? 'first' : 'last'} was: “${text.length <= 300 ? text : `${text.slice(0, 299).toWellFormed()}…`}”`;
}
