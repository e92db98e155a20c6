import { BaseChatModel } from '@langchain/core/language_models/chat_models';
import { AIMessage, AIMessageChunk, HumanMessage } from '@langchain/core/messages';
import type { BaseMessage } from '@langchain/core/messages';
import { ChatGenerationChunk } from '@langchain/core/outputs';
import type { ChatResult } from '@langchain/core/outputs';
import { ChatOpenAI } from '@langchain/openai';
import { createAgent, tool } from 'langchain';
import { z } from 'zod';
import { ARGUMENTS, TOOL, weatherIn } from '../../upstream/tool.ts';
import { API_KEY, MODEL, PROMPT } from '../reader.ts';
import type { Open, OpenInMemory, Reader } from '../reader.ts';

const weather = tool(async ({ city }: { city: string }) => weatherIn(city), {
  name: TOOL.name,
  description: TOOL.description,
  schema: z.object({ city: z.string() }),
});

export const open: Open = ({ baseURL }) =>
  readerOf(new ChatOpenAI({ model: MODEL, apiKey: API_KEY, configuration: { baseURL } }));

export const openInMemory: OpenInMemory = (pieces) => readerOf(new ModelInMemory(pieces));

function readerOf(model: BaseChatModel): Reader {
  const agent = createAgent({ model, tools: [weather] });

  return async function read(seen) {
    const stream = await agent.stream({ messages: [new HumanMessage(PROMPT)] }, { streamMode: 'messages' });
    for await (const [message] of stream) {
      if (AIMessage.isInstance(message) && message.text !== '') seen(message.text);
    }
  };
}

/** Its own fake models give one text for each call, and no calls of tools. */
class ModelInMemory extends BaseChatModel {
  readonly #pieces: readonly string[];

  constructor(pieces: readonly string[]) {
    super({});
    this.#pieces = pieces;
  }

  override _llmType(): string {
    return 'in memory';
  }

  override bindTools(): this {
    return this;
  }

  override async *_streamResponseChunks(messages: BaseMessage[]): AsyncGenerator<ChatGenerationChunk> {
    const isAsked = messages.at(-1)?.getType() !== 'tool';
    for (const piece of isAsked ? ARGUMENTS : this.#pieces) {
      const call = { index: 0, id: 'call_1', name: TOOL.name, args: piece, type: 'tool_call_chunk' as const };
      const first = piece === ARGUMENTS[0];
      const message = isAsked
        ? { content: '', tool_call_chunks: [first ? call : { ...call, id: undefined, name: undefined }] }
        : { content: piece };
      yield new ChatGenerationChunk({ text: isAsked ? '' : piece, message: new AIMessageChunk(message) });
    }
  }

  override async _generate(): Promise<ChatResult> {
    throw new Error('Only streams are measured.');
  }
}
