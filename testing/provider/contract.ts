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
  /** For the names of the tests. */
  readonly name: string;
  /** A parameter that the provider cannot honour: it has to warn of it, and to refuse it with `strict`. Default: none. */
  readonly unsupported?: Parameters;
  /**
   * What to ask so that the provider shows each scene: answers in several words, calls the tool `calculate` that is offered,
   * thinks before it answers. Merged over the suite's own requests.
   */
  readonly scenes?: Readonly<Partial<Record<Scene, Partial<ModelRequest>>>>;
}

/** What {@link providerContract} is given for a provider behind one of the three wires: all scenes are played. */
export interface WireProviderOptions extends CommonOptions {
  readonly wire: Wire;
  /** Makes a provider that sends its requests to `baseURL` with `apiKey`. */
  make(endpoint: Endpoint): Provider;
}

/**
 * What {@link providerContract} is given for a provider that needs no network. The scenes named in `scenes` are played, and
 * `text` always; `{}` asks what the suite asks by itself.
 */
export interface EmbeddedProviderOptions extends CommonOptions {
  readonly wire?: undefined;
  make(scene: Scene): Provider;
}

/** What {@link providerContract} is given. */
export type ProviderContractOptions = WireProviderOptions | EmbeddedProviderOptions;

/** What a case works with. */
export interface ProviderSubject {
  readonly unsupported: Parameters;
  /** Plays a scene; behind a wire it is answered as often as it is asked. */
  onStage(scene: Scene, act: (stage: ProviderStage) => Promise<void>): Promise<void>;
}

/** The same for a provider behind a wire. */
export interface WireSubject extends ProviderSubject {
  /** A stage whose answers the case scripts. */
  onWire(act: (stage: WireStage) => Promise<void>): Promise<void>;
}

/** A case for every provider that can play its scene. */
export interface ProviderCase {
  readonly name: string;
  /** Default `text`. */
  readonly scene?: Scene;
  /** Only for providers that name a parameter they cannot honour. */
  readonly needsUnsupported?: true;
  run(subject: ProviderSubject): Promise<void>;
}

/** A case for providers behind a wire. */
export interface WireCase {
  readonly name: string;
  run(subject: WireSubject): Promise<void>;
}

/**
 * Registers what every provider promises as tests: nothing is sent before the first read; text, thinking, tool calls, usage and
 * the reason for the stop come in one form; every end frees what the call holds; behind a wire, whatever goes wrong there is a
 * typed error and never an end, and no error holds a key.
 *
 * It brings no test runner: hand in the functions of yours.
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

/** What {@link providerCases} is given: what {@link providerContract} is, without a test runner. */
export type ProviderCasesOptions = Omit<WireProviderOptions, 'test'> | Omit<EmbeddedProviderOptions, 'test'>;

/** The cases that {@link providerContract} registers, to be run by hand. */
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
