import { Pipeline } from 'sluice';
import type { Message, Middleware, Provider } from 'sluice';
import { provider } from 'sluice/middleware/provider';
import { tool, tools } from 'sluice/middleware/tools';
import type { Tool } from 'sluice/middleware/tools';
import { anthropic } from 'sluice/providers/anthropic';
import { openai } from 'sluice/providers/openai';
import {
  anthropicError,
  chatStream,
  faultServer,
  messagesStream,
  openaiError,
  responsesStream,
} from 'sluice/testing';
import type {
  FaultResponse,
  FaultServer,
  MadeBlock,
  MadeToolCall,
  MadeUsage,
  WireStream,
} from 'sluice/testing';
import * as z from 'zod';
import { at, listAt, textAt } from '../../../support/json.ts';
import { StrictApi } from '../../../support/strict-api.ts';

/** A reply of the model, on any wire. */
export interface MadeReply {
  text?: string;
  toolCalls?: readonly MadeToolCall[];
  thinking?: string;
  usage?: MadeUsage;
  /** Whether it was cut off at its longest length. */
  cut?: boolean;
  /** The model that answers. */
  model?: string;
  /** On Anthropic: blocks before the others. */
  blocks?: readonly MadeBlock[];
  /** On Anthropic. */
  stopReason?: string;
}

/** A call as a request has it. */
export interface SentCall {
  id: string;
  name: string;
  /** As it is on the wire: text or an object. */
  args: unknown;
}

/** What answers a call in a request. */
export interface SentResult {
  id: string;
  text: string;
}

/** One of the three wires. */
export interface ToolWire {
  name: string;
  provider(server: FaultServer): Provider;
  /** `number`: of the reply. Items have ids of their own. */
  stream(made: MadeReply, number: number): WireStream;
  error(status: number): FaultResponse;
  /** How many events say that the reply has ended. */
  endings: number;
  /** The calls of a request, in order. */
  calls(body: unknown): SentCall[];
  /** The results of a request, in order. */
  results(body: unknown): SentResult[];
}

const asText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

export const chat: ToolWire = {
  name: 'openai chat',
  provider: ({ openaiBaseURL: baseURL }) =>
    openai({ model: 'gpt-5-mini', apiKey: 'test', baseURL, api: 'chat' }),
  stream: ({ cut = false, thinking, blocks: _blocks, stopReason: _reason, ...made }) =>
    chatStream({
      ...made,
      ...(thinking !== undefined && { reasoning: thinking }),
      ...(cut && { finishReason: 'length' }),
    }),
  error: (status) => openaiError(status),
  endings: 2,
  calls: (body) =>
    listAt(body, 'messages').flatMap((message) =>
      listAt(message, 'tool_calls').map((call) => ({
        id: textAt(call, 'id'),
        name: textAt(call, 'function', 'name'),
        args: at(call, 'function', 'arguments'),
      })),
    ),
  results: (body) =>
    listAt(body, 'messages')
      .filter((message) => at(message, 'role') === 'tool')
      .map((message) => ({ id: textAt(message, 'tool_call_id'), text: asText(at(message, 'content')) })),
};

export const responses: ToolWire = {
  name: 'openai responses',
  provider: ({ openaiBaseURL: baseURL }) =>
    openai({ model: 'gpt-5-mini', apiKey: 'test', baseURL, api: 'responses' }),
  stream({ cut = false, thinking, blocks: _blocks, stopReason: _reason, ...made }, number) {
    const stream = responsesStream({
      ...made,
      ...(thinking !== undefined && { reasoning: thinking, encryptedContent: `sealed ${thinking}` }),
      ...(cut && { incomplete: 'max_output_tokens' }),
    });
    const lines = stream.lines.map((line) =>
      line.replaceAll(
        /"(rs|msg|fc)_(made|\d+)"/g,
        (_all, kind: string, rest: string) => `"${kind}_${number}_${rest}"`,
      ),
    );
    return { ...stream, lines };
  },
  error: (status) => openaiError(status),
  endings: 1,
  calls: (body) =>
    listAt(body, 'input')
      .filter((item) => at(item, 'type') === 'function_call')
      .map((item) => ({
        id: textAt(item, 'call_id'),
        name: textAt(item, 'name'),
        args: at(item, 'arguments'),
      })),
  results: (body) =>
    listAt(body, 'input')
      .filter((item) => at(item, 'type') === 'function_call_output')
      .map((item) => ({ id: textAt(item, 'call_id'), text: asText(at(item, 'output')) })),
};

export const messages: ToolWire = {
  name: 'anthropic',
  provider: ({ anthropicBaseURL: baseURL }) =>
    anthropic({ model: 'claude-haiku-4-5', apiKey: 'test', baseURL }),
  stream: ({ cut = false, ...made }, number) =>
    messagesStream({
      ...made,
      ...(made.thinking !== undefined && { signature: `sig_${number}` }),
      ...(cut && { stopReason: 'max_tokens' }),
    }),
  error: (status) => anthropicError(status),
  endings: 2,
  calls: (body) =>
    blocksOf(body, 'tool_use').map((block) => ({
      id: textAt(block, 'id'),
      name: textAt(block, 'name'),
      args: at(block, 'input'),
    })),
  results: (body) =>
    blocksOf(body, 'tool_result').map((block) => ({
      id: textAt(block, 'tool_use_id'),
      text: asText(at(block, 'content')),
    })),
};

/** The blocks of one type in a request to Anthropic. */
function blocksOf(body: unknown, type: string): unknown[] {
  return listAt(body, 'messages')
    .flatMap((message) => listAt(message, 'content'))
    .filter((block) => at(block, 'type') === type);
}

/** For `describe.each`. */
export const wires: readonly ToolWire[] = [chat, responses, messages];

/** A server that checks each request as the real API does, and a model that asks it. */
export interface WireStage extends AsyncDisposable {
  readonly server: FaultServer;
  readonly model: Middleware;
  /** What was refused so far. */
  readonly complaints: readonly string[];
  /** Adds answers for the next requests. */
  enqueue(...answers: (MadeReply | FaultResponse)[]): void;
  /** Makes the answers of requests for which none was added. */
  always(make: (body: unknown) => MadeReply): void;
  /** The body of a request, from 0. */
  body(number: number): unknown;
}

/** Throws at its end if a request was refused, or an answer was not used. `longestId`: see {@link StrictApi}. */
export async function wireStage(wire: ToolWire, longestId?: number): Promise<WireStage> {
  const server = await faultServer();
  const api = new StrictApi(longestId);
  let replies = 0;
  const responseTo = (answer: MadeReply | FaultResponse): FaultResponse =>
    isResponse(answer) ? answer : { stream: wire.stream(answer, replies++) };
  return {
    server,
    model: provider(wire.provider(server)),
    complaints: api.complaints,
    enqueue(...answers) {
      server.enqueue(...api.answers(...answers.map(responseTo)));
    },
    always(make) {
      server.always((request) => api.answer(request, responseTo(make(request.body))));
    },
    body: (number) => server.requests[number]?.body,
    async [Symbol.asyncDispose]() {
      await server.close();
      if (api.complaints.length > 0) throw new Error(`Refused: ${api.complaints.join('; ')}`);
      server.assertDrained();
    },
  };
}

function isResponse(answer: MadeReply | FaultResponse): answer is FaultResponse {
  return 'stream' in answer || 'status' in answer;
}

/** A tool that says what it was called with, and a list of that. */
export function weatherTool(): { weather: Tool; runs: string[] } {
  const runs: string[] = [];
  const weather = tool({
    name: 'weather',
    description: 'The weather of a city',
    input: z.object({ city: z.string().default('Rome') }),
    execute: ({ city }) => {
      runs.push(city);
      if (city === 'Atlantis') throw new Error('no such city');
      return `sunny in ${city}`;
    },
  });
  return { weather, runs };
}

/** A call of {@link weatherTool}. */
export const call = (city: string, id?: string): MadeToolCall => ({
  name: 'weather',
  arguments: { city },
  ...(id !== undefined && { id }),
});

/** The loop with the weather tool over a wire. */
export function weatherLoop(
  { model }: WireStage,
  layers: (loop: Middleware) => Middleware[] = (loop) => [loop],
): { pipeline: Pipeline; runs: string[] } {
  const { weather, runs } = weatherTool();
  return { pipeline: new Pipeline([...layers(tools([weather])), model]), runs };
}

/** The roles of messages; a partial one has a star. */
export const rolesOf = (list: readonly Message[]): string[] =>
  list.map(({ role, partial }) => (partial === true ? `${role}*` : role));
