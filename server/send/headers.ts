/** Headers of each stream of events: nobody on the way keeps, joins or compresses it. */
export const EVENT_STREAM_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/event-stream; charset=utf-8',
  // A compression middleware would hold events back; `no-transform` tells it to keep away.
  'cache-control': 'no-cache, no-transform',
  // nginx holds a response back until a buffer is full, unless it is told otherwise.
  'x-accel-buffering': 'no',
};

/** The header with the id of the stream: what to ask for to come back, and to stop it. */
export const STREAM_ID_HEADER = 'x-sluice-stream';

/** The header with the server's id of the request, which its log has, too. */
export const REQUEST_ID_HEADER = 'x-request-id';
