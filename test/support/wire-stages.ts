import type { Provider } from 'sluice';
import { anthropic } from 'sluice/providers/anthropic';
import { openai } from 'sluice/providers/openai';
import { chatStream, messagesStream, responsesStream } from 'sluice/testing';
import type { FaultServer, MadeText, MadeToolCall, WireStream } from 'sluice/testing';

/** What a made answer says, on any wire. */
export interface Said {
  text?: MadeText;
  toolCalls?: readonly MadeToolCall[];
}

/** One of the three wires, for tests that look at the next request of a conversation. */
export interface WireStage {
  name: string;
  make(server: FaultServer): Provider;
  stream(said: Said): WireStream;
}

const apiKey = 'none';

/** The three wires. */
export const wireStages: readonly WireStage[] = [
  {
    name: 'chat',
    make: (server) => openai({ apiKey, baseURL: server.openaiBaseURL, api: 'chat' }),
    stream: chatStream,
  },
  {
    name: 'responses',
    make: (server) => openai({ apiKey, baseURL: server.openaiBaseURL, api: 'responses' }),
    stream: responsesStream,
  },
  {
    name: 'anthropic',
    make: (server) => anthropic({ apiKey, baseURL: server.anthropicBaseURL }),
    stream: messagesStream,
  },
];
