/** The labels of one series. Their values come from closed sets: no text of a client becomes one. */
type Labels = Readonly<Record<string, string>>;

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  lines(): string[];
}

/** Bounds of the buckets of times, in seconds. */
const SECONDS: readonly number[] = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

/** A sum of what happened, or what is the case now. */
class Sum implements Metric {
  readonly type: 'counter' | 'gauge';
  readonly name: string;
  readonly help: string;
  readonly #values = new Map<string, number>();

  constructor(type: 'counter' | 'gauge', name: string, help: string) {
    this.type = type;
    this.name = name;
    this.help = help;
  }

  add(labels: Labels, by = 1): void {
    const key = labelText(labels);
    this.#values.set(key, (this.#values.get(key) ?? 0) + by);
  }

  lines(): string[] {
    return [...this.#values].map(([labels, value]) => `${this.name}${labels} ${value}`);
  }
}

/** How long things took. */
class Times implements Metric {
  readonly type = 'histogram';
  readonly name: string;
  readonly help: string;
  readonly #series = new Map<string, { labels: Labels; counts: number[]; sum: number; count: number }>();

  constructor(name: string, help: string) {
    this.name = name;
    this.help = help;
  }

  add(labels: Labels, seconds: number): void {
    const key = labelText(labels);
    let series = this.#series.get(key);
    if (series === undefined) {
      series = { labels, counts: SECONDS.map(() => 0), sum: 0, count: 0 };
      this.#series.set(key, series);
    }
    const bucket = SECONDS.findIndex((bound) => seconds <= bound);
    if (bucket >= 0) series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
    series.sum += seconds;
    series.count++;
  }

  lines(): string[] {
    return [...this.#series.values()].flatMap(({ labels, counts, sum, count }) => {
      let below = 0;
      const buckets = SECONDS.map((bound, at) => {
        below += counts[at] ?? 0;
        return `${this.name}_bucket${labelText({ ...labels, le: String(bound) })} ${below}`;
      });
      return [
        ...buckets,
        `${this.name}_bucket${labelText({ ...labels, le: '+Inf' })} ${count}`,
        `${this.name}_sum${labelText(labels)} ${sum}`,
        `${this.name}_count${labelText(labels)} ${count}`,
      ];
    });
  }
}

/** What a server counts, as text of Prometheus. */
export class Metrics {
  readonly requests = new Sum('counter', 'sluice_requests_total', 'Requests by route, method and status.');
  readonly requestSeconds = new Times(
    'sluice_request_seconds',
    'Time of a request, to the end of its answer.',
  );
  readonly turns = new Sum('counter', 'sluice_turns_total', 'Turns that ended, by pipeline and outcome.');
  readonly turnErrors = new Sum(
    'counter',
    'sluice_turn_errors_total',
    'Turns that failed, by pipeline and code.',
  );
  readonly turnSeconds = new Times('sluice_turn_seconds', 'Time of a turn.');
  readonly firstChunkSeconds = new Times('sluice_first_chunk_seconds', 'Time to the first chunk of a turn.');
  readonly tokens = new Sum('counter', 'sluice_tokens_total', 'Tokens by pipeline, model and kind.');
  readonly costUsd = new Sum('counter', 'sluice_cost_usd_total', 'Known cost in dollars, by pipeline.');
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

function labelText(labels: Labels): string {
  let pairs = '';
  for (const [name, value] of Object.entries(labels))
    pairs += `${pairs === '' ? '{' : ','}${name}="${escaped(value)}"`;
  return pairs === '' ? '' : `${pairs}}`;
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
