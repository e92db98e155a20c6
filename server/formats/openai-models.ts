import { RequestError } from '../requests/request-error.ts';
import type { ListedModel } from './anthropic-models.ts';
import { sentError } from './errors.ts';
import type { ErrorBody } from './format.ts';
import { openaiError } from './openai-answer.ts';

/**
 * The answer of `GET /v1/models` for a client of OpenAI: all of them, in one page.
 * Source: developers.openai.com, API reference, "List models" (read 2026-11).
 */
export function openaiModels(models: readonly ListedModel[], requestId: string): ErrorBody {
  return answered(requestId, { object: 'list', data: models.map(modelOf) });
}

/** The answer of `GET /v1/models/:id`. */
export function openaiModel(models: readonly ListedModel[], id: string, requestId: string): ErrorBody {
  const model = models.find((one) => one.id === id);
  if (model !== undefined) return answered(requestId, modelOf(model));
  const unknown = new RequestError('not_found', 'model: there is no model of that name', { field: 'model' });
  return openaiError(sentError(unknown), requestId);
}

function modelOf({ id, createdAt = 0 }: ListedModel): Record<string, unknown> {
  return { id, object: 'model', created: Math.floor(createdAt / 1_000), owned_by: 'sluice' };
}

function answered(requestId: string, body: unknown): ErrorBody {
  return { status: 200, headers: { 'x-request-id': requestId }, body };
}
