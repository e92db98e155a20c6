import type { ModelRequest, Parameters, Provider } from '../../src/index.ts';
import { limited, register } from '../contract.ts';
import type { ContractCase, TestRunner } from '../contract.ts';
import { answerCases } from './answers.ts';
import { endingCases } from './endings.ts';
import { failureCases } from './failures.ts';
import { leakCases } from './leaks.ts';
import { onStage, onWire } from './stage.ts';
import type { Cast, Endpoint, ProviderStage, Scene, WireStage } from './stage.ts';
import { wireCases } from './wire.ts';
import type { Wire } from '../upstream/wires.ts';

interface CommonOptions extends TestRunner {
  /** Used in the names of the tests. */
  readonly name: string;
  /** A parameter the provider does not support: it must warn about it, and refuse it with `strict`. Default: none. */
  readonly unsupported?: Parameters;
  /**
   * Requests that make the provider play each scene: answer in several words, call the tool `calculate`, think before it answers.
   * Merged over the suite's own requests.
   */
  readonly scenes?: Readonly<Partial<Record<Scene, Partial<ModelRequest>>>>;
}

/** Options of {@link providerContract} for a provider that speaks one of the three wires. All scenes are played. */
export interface WireProviderOptions extends CommonOptions {
  readonly wire: Wire;
  /** Makes a provider that sends its requests to `baseURL` with `apiKey`. */
  make(endpoint: Endpoint): Provider;
}

/**
 * Options of {@link providerContract} for a provider that needs no network. The scene `text` is always played, the others if they are in
 * `scenes`. Use `{}` for the suite's own request.
 */
export interface EmbeddedProviderOptions extends CommonOptions {
  readonly wire?: undefined;
  make(scene: Scene): Provider;
}

/** Options of {@link providerContract}. */
export type ProviderContractOptions = WireProviderOptions | EmbeddedProviderOptions;

/** The provider a case tests. */
export interface ProviderSubject {
  readonly unsupported: Parameters;
  /** Plays a scene. On a wire, every request gets the same answer. */
  onStage(scene: Scene, act: (stage: ProviderStage) => Promise<void>): Promise<void>;
}

/** The same for a provider that speaks a wire. */
export interface WireSubject extends ProviderSubject {
  /** Plays a scene whose answers the case scripts. */
  onWire(act: (stage: WireStage) => Promise<void>): Promise<void>;
}

/** A case for all providers that can play its scene. */
export interface ProviderCase {
  readonly name: string;
  /** The scene it needs. Default `text`. */
  readonly scene?: Scene;
  /** Whether it needs a parameter that the provider does not support. */
  readonly needsUnsupported?: true;
  run(subject: ProviderSubject): Promise<void>;
}

/** A case for providers that speak a wire. */
export interface WireCase {
  readonly name: string;
  run(subject: WireSubject): Promise<void>;
}

/**
 * Registers tests for what every provider must do: send nothing before the first read; deliver text, thinking, tool calls, usage and
 * finish reason in one format; free the connection however a call ends. On a wire, it must also turn every failure into a typed error and
 * show its key in no error.
 *
 * Works with any test runner: pass in its functions.
 *
 * @example
 * providerContract({
 *   name: 'groq',
 *   wire: 'openai-chat',
 *   make: ({ baseURL, apiKey }) => openai({ name: 'groq', model: 'llama', baseURL, apiKey }),
 *   describe,
 *   test: it,
 * });
 */
export function providerContract(options: ProviderContractOptions): void {
  register(`${options.name} keeps the contract of a provider`, providerCases(options), options);
}

/** Options of {@link providerCases}: those of {@link providerContract} without a test runner. */
export type ProviderCasesOptions = Omit<WireProviderOptions, 'test'> | Omit<EmbeddedProviderOptions, 'test'>;

/** The cases that {@link providerContract} registers, for running them by hand. */
export function providerCases(options: ProviderCasesOptions): ContractCase[] {
  const { wire, unsupported, timeoutMs, scenes = {} } = options;
  const cast: Cast = {
    wire,
    requests: scenes,
    make: (scene, endpoint) => (options.wire === undefined ? options.make(scene) : options.make(endpoint)),
  };
  const subject: ProviderSubject = {
    unsupported: unsupported ?? {},
    onStage: (scene, act) => onStage(cast, scene, act),
  };
  const cases: ContractCase[] = [...answerCases, ...endingCases, ...leakCases]
    .filter(({ scene = 'text' }) => wire !== undefined || scene === 'text' || scenes[scene] !== undefined)
    .filter(({ needsUnsupported }) => needsUnsupported === undefined || unsupported !== undefined)
    .map(({ name, run }) => ({ name, run: () => run(subject) }));
  if (wire !== undefined) {
    const wireSubject: WireSubject = { ...subject, onWire: (act) => onWire(cast, wire, 'text', act) };
    cases.push(
      ...[...wireCases, ...failureCases].map(({ name, run }) => ({ name, run: () => run(wireSubject) })),
    );
  }
  return cases.map((one) => limited(one, timeoutMs));
}
