import type { Pipeline } from '../src/index.ts';

/** A pipeline that a conversation and its forks share. If it is owned, it is shut down when the last of them is closed. */
export class SharedPipeline {
  readonly pipeline: Pipeline;
  readonly #owned: boolean;
  #users = 0;

  constructor(pipeline: Pipeline, owned: boolean) {
    this.pipeline = pipeline;
    this.#owned = owned;
  }

  enter(): void {
    this.#users++;
  }

  async leave(): Promise<void> {
    if (--this.#users === 0 && this.#owned) await this.pipeline.shutdown();
  }
}
