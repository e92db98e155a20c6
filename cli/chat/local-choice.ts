import { localServers, runningServers } from '../models/local-servers.ts';
import type { ProviderChoice, ProviderWishes } from './choose-provider.ts';

/**
 * A model of a server on this machine in place of the demo, if the user asked for nothing else and one runs. Any other choice stays, and so does
 * the demo if nothing runs.
 */
export async function localChoice(
  choice: ProviderChoice,
  wishes: ProviderWishes,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<ProviderChoice> {
  const isAskedFor =
    wishes.provider !== undefined ||
    wishes.model !== undefined ||
    environment['LLM_PROVIDER']?.trim().toLowerCase() === 'demo';
  if (choice.name !== 'demo' || isAskedFor) return choice;
  const [server] = await runningServers(localServers(environment));
  const [model] = server?.models ?? [];
  if (server === undefined || model === undefined) return choice;
  const { preset, title, baseURL } = server;
  return {
    name: 'openai',
    preset,
    model: model.id,
    baseURL,
    note: `no key is set, and ${title} runs on this machine: its model ${model.id} answers. --provider demo is the demo.`,
  };
}
