// A process of its own that takes part in a scenario, and prints how its requests ended. Its arguments: scenario, URL, library, prefix, name,
// requests.
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { scenarios } from './scenarios.ts';

const [scenario = '', url = '', library = '', prefix = '', name = '', requests = '0'] = process.argv.slice(2);
const client = library === 'redis' ? await createClient({ url }).connect() : new Redis(url);
const play = Object.entries(scenarios).find(([known]) => known === scenario)?.[1];
if (play === undefined) throw new Error(`There is no scenario ${scenario}.`);
console.log(JSON.stringify(await play({ client, library, prefix, name, requests: Number(requests) })));
await ('close' in client ? client.close() : client.quit());
