import { readerOf } from './floor.ts';
import type { Open } from './reader.ts';

/**
 * The same, but it reads to the end of the body. To leave before it resets a stream of HTTP/2, and servers close connections with many resets
 * (nghttp2, which is in Node.js, too: more than 1,000, and then 33 per second).
 */
export const open: Open = (upstream) => readerOf(upstream, { toTheEnd: true });
