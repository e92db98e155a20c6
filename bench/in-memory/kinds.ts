/** A middleware that lets everything pass, written in one of the ways that the contract allows. */
export type Kind = 'fused' | 'generator' | 'loop';

/** Layers of a kind in one stack: many of the cheap ones, so that they are seen beside what all the rest costs. */
export const LAYERS: Record<Kind, number> = { fused: 40, generator: 10, loop: 10 };
/** Chunks that one read brings: one, the shape of a paced stream, and sixteen, that of a burst. */
export const PER_READ = [1, 16] as const;

/** Nanoseconds a chunk by the chunks of a read. */
export type ByRead = Record<(typeof PER_READ)[number], number>;
