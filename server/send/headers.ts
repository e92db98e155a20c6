/** Headers of each stream of events: nobody on the way keeps, joins or compresses it. */
export const EVENT_STREAM_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/event-stream; charset=utf-8',
  // A compression middleware would hold events back; `no-transform` tells it to keep away.
  'cache-control': 'no-cache, no-transform',
  // nginx holds a response back until a buffer is full, unless it is told otherwise.
  'x-accel-buffering': 'no',
};

/** The header with the id of the stream, as a part of a path has it: what to ask for to come back, and to stop it. */
export const STREAM_ID_HEADER = 'x-sluice-stream';

/** An id as a header may have it: clients make ids up, and a header takes few characters. */
export function streamIdText(id: string): string {
  return encodeURIComponent(id.toWellFormed());
}

/** The header with the server's id of the request, which its log has, too. */
export const REQUEST_ID_HEADER = 'x-request-id';

/** The header with the model that answered, whatever the client has asked for. */
export const MODEL_HEADER = 'x-sluice-model';

/** The header with a model. Empty if it is not known, or has characters that a header cannot have. */
export function modelHeader(model: string | undefined): Record<string, string> {
  return model !== undefined && /^[\x21-\x7e]{1,200}$/.test(model) ? { [MODEL_HEADER]: model } : {};
}
