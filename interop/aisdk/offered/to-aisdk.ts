import * as z from 'zod';

import { SluiceError } from '../../../src/index.ts';
import type { Pipeline } from '../../../src/index.ts';
import { kindOf, parseOptions } from '../../../src/kit/index.ts';
import { readCall } from './call.ts';
import type { OfferedCallOptions } from './call.ts';
import { offeredError } from './errors.ts';
import { NO_USAGE, Parts } from './parts.ts';
import type { OfferedContent, OfferedFinish, OfferedPart, OfferedUsage, OfferedWarning } from './types.ts';

/** Options of `toAISDK()`. */
export interface ToAISDKOptions {
  /** The name that the AI SDK shows for the model. Default: `pipeline`. */
  modelId?: string | undefined;
}

/** A pipeline in the form of a language model of the AI SDK, specification V4. */
export interface OfferedModel {
  readonly specificationVersion: 'v4';
  readonly provider: 'sluice';
  readonly modelId: string;
  readonly supportedUrls: Record<string, RegExp[]>;
  doStream(options: OfferedCallOptions): Promise<{ stream: ReadableStream<OfferedPart> }>;
  doGenerate(options: OfferedCallOptions): Promise<OfferedAnswer>;
}

/** A complete answer. */
export interface OfferedAnswer {
  content: OfferedContent[];
  finishReason: OfferedFinish;
  usage: OfferedUsage;
  warnings: OfferedWarning[];
  providerMetadata?: NonNullable<Extract<OfferedPart, { type: 'finish' }>['providerMetadata']>;
  response?: { id?: string; modelId?: string };
}

const schema = z.strictObject({ modelId: z.string().min(1).default('pipeline') });

/**
 * A pipeline as a language model of the Vercel AI SDK (`ai` 7), for `streamText`, `generateText`, `Output.object` and everything else that takes a model.
 *
 * Each call is one execution. The caller's tools come back as tool calls for the caller to run. Tools of the pipeline run in it, and their calls and
 * results are parts that are marked as run by the provider. Prompts that come back have the pipeline's rounds again, with what its provider wants
 * back. The specification cannot take a part back: retries are free before the first part, and a `reset` after it is an error. The pipeline keeps no
 * session. Errors are `APICallError`s for the AI SDK, with the `SluiceError` as `cause`.
 *
 * @example
 * const { textStream } = streamText({ model: toAISDK(new Pipeline([cost(), retry(), provider(openai())])), prompt: 'Hi' });
 */
export function toAISDK(
  pipeline: Pick<Pipeline, 'executeStream'>,
  options: ToAISDKOptions = {},
): OfferedModel {
  const given: unknown = pipeline;
  if (typeof given !== 'object' || given === null || !('executeStream' in given)) {
    throw new SluiceError('invalid_options', `toAISDK(): the pipeline is ${kindOf(given)}: give a Pipeline.`);
  }
  const { modelId } = parseOptions('toAISDK()', schema, options);
  const doStream = (call: OfferedCallOptions): Promise<{ stream: ReadableStream<OfferedPart> }> =>
    streamOf(pipeline, call);
  return {
    specificationVersion: 'v4',
    provider: 'sluice',
    modelId,
    // Addresses are the business of the pipeline's provider: the AI SDK must not fetch them.
    supportedUrls: { '*/*': [/./] },
    doStream,
    doGenerate: async (call) => answerOf((await doStream(call)).stream),
  };
}

async function streamOf(
  pipeline: Pick<Pipeline, 'executeStream'>,
  given: OfferedCallOptions,
): Promise<{ stream: ReadableStream<OfferedPart> }> {
  const { messages, options, clientTools, warnings } = readCall(given);
  const { abortSignal } = given;
  const execution = pipeline.executeStream(messages, options);
  const parts = new Parts(clientTools);
  try {
    // An error before the first chunk rejects the call, so that its status can be told.
    await execution.ready();
  } catch (error) {
    throw offeredError(error, abortSignal);
  }
  const stream = new ReadableStream<OfferedPart>(
    {
      start(controller) {
        controller.enqueue({ type: 'stream-start', warnings });
      },
      async pull(controller) {
        try {
          for (let given = 0; given === 0;) {
            const chunks = await execution.read();
            if (chunks === undefined) {
              controller.close();
              return;
            }
            for (const chunk of chunks) {
              for (const part of parts.of(chunk)) {
                controller.enqueue(part);
                given++;
              }
            }
          }
        } catch (error) {
          await execution.close();
          if (abortSignal?.aborted === true) {
            controller.error(offeredError(error, abortSignal));
            return;
          }
          for (const part of parts.close()) controller.enqueue(part);
          controller.enqueue({ type: 'error', error: offeredError(error, abortSignal) });
          controller.enqueue({
            type: 'finish',
            finishReason: { unified: 'error', raw: undefined },
            usage: NO_USAGE,
          });
          controller.close();
        }
      },
      cancel: (reason) => execution.close(reason),
    },
    { highWaterMark: 0 },
  );
  return { stream };
}

/** Reads a stream to its end. Throws the error in it. */
async function answerOf(stream: ReadableStream<OfferedPart>): Promise<OfferedAnswer> {
  const answer: OfferedAnswer = {
    content: [],
    finishReason: { unified: 'other', raw: undefined },
    usage: NO_USAGE,
    warnings: [],
  };
  for await (const part of stream) addPart(part, answer);
  return answer;
}

function addPart(part: OfferedPart, answer: OfferedAnswer): void {
  switch (part.type) {
    case 'stream-start':
      answer.warnings = part.warnings;
      return;
    case 'response-metadata': {
      const { type: _type, ...response } = part;
      answer.response = response;
      return;
    }
    case 'text-start':
    case 'reasoning-start':
      answer.content.push({ type: part.type === 'text-start' ? 'text' : 'reasoning', text: '' });
      return;
    case 'text-delta':
    case 'reasoning-delta':
    case 'text-end':
    case 'reasoning-end': {
      const last = answer.content.findLast(({ type }) => type === 'text' || type === 'reasoning');
      if (last?.type !== 'text' && last?.type !== 'reasoning') return;
      if ('delta' in part) last.text += part.delta;
      if (part.providerMetadata !== undefined) last.providerMetadata = part.providerMetadata;
      return;
    }
    case 'tool-result':
      if (part.preliminary !== true) answer.content.push(part);
      return;
    case 'tool-call':
    case 'file':
    case 'source':
    case 'custom':
      answer.content.push(part);
      return;
    case 'finish':
      answer.finishReason = part.finishReason;
      answer.usage = part.usage;
      if (part.providerMetadata !== undefined) answer.providerMetadata = part.providerMetadata;
      return;
    case 'error':
      throw part.error;
    case 'tool-input-start':
    case 'tool-input-delta':
    case 'tool-input-end':
  }
}
