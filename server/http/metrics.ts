interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  lines(): string[];
}

/** The labels of a metric, in order. Their values come from closed sets: no text of a client becomes one. */
type LabelNames = readonly string[];

/** Bounds of the buckets of times, in seconds. */
const SECONDS: readonly number[] = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

/** A sum of what happened, or what is the case now. */
class Sum implements Metric {
  readonly type: 'counter' | 'gauge';
  readonly name: string;
  readonly help: string;
  readonly #labels: LabelNames;
  readonly #series = new Map<string, { values: readonly string[]; sum: number }>();

  constructor(type: 'counter' | 'gauge', name: string, help: string, labels: LabelNames = []) {
    this.type = type;
    this.name = name;
    this.help = help;
    this.#labels = labels;
  }

  /** Adds to the series with these values of its labels. */
  add(by: number, ...values: string[]): void {
    const key = keyOf(values);
    const series = this.#series.get(key);
    if (series === undefined) this.#series.set(key, { values, sum: by });
    else series.sum += by;
  }

  lines(): string[] {
    return [...this.#series.values()].map(
      ({ values, sum }) => `${this.name}${labelText(this.#labels, values)} ${sum}`,
    );
  }
}

/** How long things took. */
class Times implements Metric {
  readonly type = 'histogram';
  readonly name: string;
  readonly help: string;
  readonly #labels: LabelNames;
  readonly #series = new Map<string, Durations>();

  constructor(name: string, help: string, labels: LabelNames) {
    this.name = name;
    this.help = help;
    this.#labels = labels;
  }

  /** Adds a time to the series with these values of its labels. */
  add(seconds: number, ...values: string[]): void {
    const key = keyOf(values);
    let series = this.#series.get(key);
    if (series === undefined) {
      series = { values, counts: SECONDS.map(() => 0), sum: 0, count: 0 };
      this.#series.set(key, series);
    }
    const bucket = SECONDS.findIndex((bound) => seconds <= bound);
    if (bucket >= 0) series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
    series.sum += seconds;
    series.count++;
  }

  lines(): string[] {
    return [...this.#series.values()].flatMap(({ values, counts, sum, count }) => {
      const withBound = (bound: string): string =>
        `${this.name}_bucket${labelText([...this.#labels, 'le'], [...values, bound])}`;
      const labels = labelText(this.#labels, values);
      let below = 0;
      const buckets = SECONDS.map((bound, at) => {
        below += counts[at] ?? 0;
        return `${withBound(String(bound))} ${below}`;
      });
      return [
        ...buckets,
        `${withBound('+Inf')} ${count}`,
        `${this.name}_sum${labels} ${sum}`,
        `${this.name}_count${labels} ${count}`,
      ];
    });
  }
}

/** The times of one series: how many there are in each bucket, and in all. */
interface Durations {
  values: readonly string[];
  counts: number[];
  sum: number;
  count: number;
}

/** What a server counts, as text of Prometheus. */
export class Metrics {
  readonly requests = new Sum('counter', 'sluice_requests_total', 'Requests by route, method and status.', [
    'route',
    'method',
    'status',
  ]);
  readonly requestSeconds = new Times(
    'sluice_request_seconds',
    'Time of a request, to the end of its answer.',
    ['route'],
  );
  readonly turns = new Sum('counter', 'sluice_turns_total', 'Turns that ended, by pipeline and outcome.', [
    'pipeline',
    'outcome',
  ]);
  readonly turnErrors = new Sum(
    'counter',
    'sluice_turn_errors_total',
    'Turns that failed, by pipeline and code.',
    ['pipeline', 'code'],
  );
  readonly turnSeconds = new Times('sluice_turn_seconds', 'Time of a turn.', ['pipeline']);
  readonly firstChunkSeconds = new Times('sluice_first_chunk_seconds', 'Time to the first chunk of a turn.', [
    'pipeline',
  ]);
  readonly tokens = new Sum('counter', 'sluice_tokens_total', 'Tokens by pipeline, model and kind.', [
    'pipeline',
    'model',
    'kind',
  ]);
  readonly costUsd = new Sum('counter', 'sluice_cost_usd_total', 'Known cost in dollars, by pipeline.', [
    'pipeline',
  ]);
  readonly openStreams = new Sum('gauge', 'sluice_open_streams', 'Answers that are open now.');
  readonly sockets = new Sum('gauge', 'sluice_open_sockets', 'WebSockets that are open now.');

  text(): string {
    const all: Metric[] = [
      this.requests,
      this.requestSeconds,
      this.turns,
      this.turnErrors,
      this.turnSeconds,
      this.firstChunkSeconds,
      this.tokens,
      this.costUsd,
      this.openStreams,
      this.sockets,
    ];
    return all
      .map((metric) => {
        const { name, help, type } = metric;
        return `${[`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...metric.lines()].join('\n')}\n`;
      })
      .join('');
  }
}

/** Names a series. No value of a label has a line end. */
function keyOf(values: readonly string[]): string {
  return values.length === 1 ? (values[0] ?? '') : values.join('\n');
}

function labelText(names: LabelNames, values: readonly string[]): string {
  if (names.length === 0) return '';
  return `{${names.map((name, at) => `${name}="${escaped(values[at] ?? '')}"`).join(',')}}`;
}

function escaped(value: string): string {
  if (!SPECIAL.test(value)) return value;
  return value
    .replaceAll('\\', '\\\\')
    .replaceAll('"', String.raw`\"`)
    .replaceAll('\n', String.raw`\n`);
}

/** What is escaped in the value of a label. */
const SPECIAL = /[\\"\n]/;
