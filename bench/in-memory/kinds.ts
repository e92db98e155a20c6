/** A middleware that changes nothing, written in one of three ways. */
export type Kind = 'fused' | 'generator' | 'loop';

/** How many layers of each kind are in a stack. Cheap ones need many layers, so that their cost can be measured. */
export const LAYERS: Record<Kind, number> = { fused: 40, generator: 10, loop: 10 };
/** Chunks per read: one, as in a paced stream, and 16, as in a burst. */
export const PER_READ = [1, 16] as const;

/** Nanoseconds per chunk, by chunks per read. */
export type ByRead = Record<(typeof PER_READ)[number], number>;
