import type { ServerOptions } from './http/options.ts';
import type { Pipelines } from './http/pipelines.ts';
import type { ListenOptions } from './node/listen.ts';

/** What `sluice serve` serves, as the default export of `sluice.config.ts`. What the command line and the environment say comes first. */
export interface ServeConfig {
  pipelines?: Pipelines | undefined;
  server?: Partial<ServerOptions> | undefined;
  listen?: ListenOptions | undefined;
}

/**
 * Gives the configuration of `sluice serve` its type.
 *
 * @example
 * // sluice.config.ts
 * export default defineConfig({ pipelines: { support, research }, server: { resumable: true } });
 */
export function defineConfig(config: ServeConfig): ServeConfig {
  return config;
}
