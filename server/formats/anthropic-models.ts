import { RequestError } from '../requests/request-error.ts';
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
 * Source: https://platform.claude.com/docs/en/api/models/list
 */
export function anthropicModels(
  models: readonly ListedModel[],
  query: URLSearchParams,
  requestId: string,
): ErrorBody {
  const asked = Number(query.get('limit') ?? DEFAULT_LIMIT);
  const limit = Number.isInteger(asked) && asked > 0 ? Math.min(asked, MOST) : DEFAULT_LIMIT;
  const after = models.findIndex(({ id }) => id === query.get('after_id'));
  const before = models.findIndex(({ id }) => id === query.get('before_id'));
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
