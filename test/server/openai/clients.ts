import OpenAI5 from 'openai-5';
import OpenAI6 from 'openai-6';
import OpenAI from 'openai';

/** The official clients of three major versions. What the tests call has the same types in all of them. */
export const officialClients = [
  ['7', OpenAI],
  ['6', OpenAI6 as unknown as typeof OpenAI],
  ['5', OpenAI5 as unknown as typeof OpenAI],
] as const;
