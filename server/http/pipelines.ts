import type { Pipeline } from '../../src/index.ts';
import { SluiceError } from '../../src/index.ts';
import { toolsOf } from '../../middleware/tools.ts';
import { RequestError } from '../requests/request-error.ts';

/** A pipeline, and what clients are told about it. */
export interface PipelineEntry {
  pipeline: Pipeline;
  description?: string | undefined;
  /** The model that answers, for clients that ask. */
  model?: string | undefined;
  /** The provider behind it: `anthropic` gets what is special to that API as it came; fields of OpenAI's APIs that we have no name for go to the options of this one. */
  provider?: string | undefined;
  /** Models that a client may choose. The pipeline gets the name as the option `model`. Default: none, the pipeline's own model answers. */
  models?: readonly string[] | undefined;
  /** On the routes of OpenAI: fields of a request that are passed on to the provider besides those that its API documents, such as `top_k`. Default: none. */
  passFields?: readonly string[] | undefined;
  /** On the route of Responses: types of tools that the provider runs itself and a client may ask for, such as `web_search`. Default: none, because they cost money. */
  hostedTools?: readonly string[] | undefined;
}

/** One pipeline, or several by name. */
export type Pipelines = Pipeline | Readonly<Record<string, Pipeline | PipelineEntry>>;

/** A pipeline as the server knows it. */
export interface Served extends PipelineEntry {
  name: string;
  models: readonly string[];
  /** The names of its own tools. */
  tools: ReadonlySet<string>;
  /** Those of them that the client runs. */
  clientTools: readonly string[];
}

/** The pipelines of a server, by their names and by the models that they offer. */
export class PipelineTable {
  readonly all: readonly Served[];
  readonly first: Served;
  readonly #byName: ReadonlyMap<string, Served>;

  /** `name`: that of a pipeline given alone. Throws `invalid_options`. */
  constructor(pipelines: Pipelines, name: string) {
    const given = isPipeline(pipelines) ? { [name]: pipelines } : pipelines;
    this.all = Object.entries(given).map(([key, entry]) => servedOf(key, entry));
    const [first] = this.all;
    if (first === undefined)
      throw new SluiceError(
        'invalid_options',
        'createServer(): pipelines is empty: give at least one pipeline.',
      );
    this.first = first;
    this.#byName = new Map(this.all.map((served) => [served.name, served]));
  }

  /** The pipeline of a name, or the first one. Throws `not_found`. */
  named(name: string | undefined): Served {
    if (name === undefined) return this.first;
    const served = this.#byName.get(name);
    if (served !== undefined) return served;
    throw new RequestError('not_found', 'pipeline: there is no pipeline of this name.', {
      field: 'pipeline',
    });
  }

  /**
   * The pipeline for what a client calls a model: the name of a pipeline, or a model that one of them offers, which is then passed on. Throws `not_found` for any other.
   */
  forModel(model: string): { served: Served; model?: string } {
    const served = this.#byName.get(model);
    if (served !== undefined) return { served };
    const offering = this.all.find(({ models }) => models.includes(model));
    if (offering !== undefined) return { served: offering, model };
    throw new RequestError('not_found', 'model: there is no model of this name, or it may not be used.', {
      field: 'model',
    });
  }

  /** The model as a label of a metric: one that the server knows, or `other`. */
  label(model: string | undefined): string {
    if (model === undefined) return 'none';
    const isKnown = this.all.some((served) => served.model === model || served.models.includes(model));
    return isKnown ? model : 'other';
  }
}

function servedOf(name: string, entry: Pipeline | PipelineEntry): Served {
  const { pipeline, models = [], ...rest } = isPipeline(entry) ? { pipeline: entry } : entry;
  if (!isPipeline(pipeline))
    throw new SluiceError(
      'invalid_options',
      `createServer(): ${name} is not a pipeline: give one, or { pipeline }.`,
    );
  const tools = toolsOf(pipeline.middleware);
  const clientTools = [...tools.values()].flatMap((tool) => (tool.run === undefined ? [tool.name] : []));
  return { ...rest, name, pipeline, models, tools: new Set(tools.keys()), clientTools };
}

function isPipeline(value: unknown): value is Pipeline {
  return typeof value === 'object' && value !== null && 'executeStream' in value && 'middleware' in value;
}
