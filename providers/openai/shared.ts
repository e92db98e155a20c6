/** The presets without the rest of the provider, for the command line: it starts before it knows whether the provider is needed. */
export { PRESETS, presetNames } from './server/presets.ts';
export type { Preset, PresetName } from './server/presets.ts';
