import { RequestError, fieldError } from '../requests/request-error.ts';
import { anthropicFormat } from './anthropic.ts';
import { sentError } from './errors.ts';
import type { ErrorBody } from './format.ts';

/** A model that clients may ask for. */
export interface ListedModel {
  /** The name that a request gives. */
  id: string;
  /** When it became available, in milliseconds since the epoch. Default: the epoch. */
  createdAt?: number;
  /** A name for people. Default: the id. */
  displayName?: string;
}

const DEFAULT_LIMIT = 20;
const MOST = 1_000;

/**
 * The answer of `GET /v1/models` for a request that has the header `anthropic-version`, in pages: `limit`, `after_id` and `before_id` are parameters of the address.
 * Throws `invalid_request` for one that is wrong.
 * Source: https://platform.claude.com/docs/en/api/models/list
 */
export function anthropicModels(
  models: readonly ListedModel[],
  query: URLSearchParams,
  requestId: string,
): ErrorBody {
  const limit = Number(query.get('limit') ?? DEFAULT_LIMIT);
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST)
    throw fieldError('limit', `give a whole number from 1 to ${MOST}`);
  const placeOf = (name: string): number => {
    const asked = query.get(name);
    const place = models.findIndex(({ id }) => id === asked);
    // A client that goes through the pages would begin again.
    if (asked !== null && place < 0) throw fieldError(name, 'there is no model of that name');
    return place;
  };
  const [after, before] = [placeOf('after_id'), placeOf('before_id')];
  const rest = before >= 0 ? models.slice(Math.max(0, before - limit), before) : models.slice(after + 1);
  const page = rest.slice(0, limit);
  return answered(requestId, {
    data: page.map(modelOf),
    has_more: before >= 0 ? before > limit : rest.length > page.length,
    first_id: page.at(0)?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
  });
}

/** The answer of `GET /v1/models/:id`. */
export function anthropicModel(models: readonly ListedModel[], id: string, requestId: string): ErrorBody {
  const model = models.find((one) => one.id === id);
  if (model !== undefined) return answered(requestId, modelOf(model));
  const unknown = new RequestError('not_found', 'model: there is no model of that name', { field: 'model' });
  return anthropicFormat.error(sentError(unknown), requestId);
}

function modelOf({ id, createdAt = 0, displayName = id }: ListedModel): Record<string, unknown> {
  return { type: 'model', id, display_name: displayName, created_at: new Date(createdAt).toISOString() };
}

function answered(requestId: string, body: unknown): ErrorBody {
  return { status: 200, headers: { 'request-id': requestId }, body };
}
