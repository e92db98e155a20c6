import type { Reply, Stream, StreamChunk } from '../../src/index.ts';
import type { WireCall } from './wire.ts';

export declare function wireStream(wire: WireCall): Stream<StreamChunk, Reply>;
