// A process of its own that takes part in scenarios. For each message it plays one, and answers with how its requests ended. Its arguments: URL,
// library, name, requests.
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { scenarios } from './scenarios.ts';

/** The message that starts a scenario. */
export interface Start {
  scenario: keyof typeof scenarios;
  prefix: string;
}

const [url = '', library = '', name = '', requests = '0'] = process.argv.slice(2);
const client = library === 'redis' ? await createClient({ url }).connect() : new Redis(url);
process.on('message', ({ scenario, prefix }: Start) => {
  void scenarios[scenario]({ client, library, prefix, name, requests: Number(requests) }).then((counts) =>
    process.send?.(counts),
  );
});
process.on('disconnect', () => process.exit(0));
