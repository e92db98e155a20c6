import type { Provider } from '../../src/index.ts';
import { demo } from '../../providers/demo/index.ts';
import { UsageError } from '../usage-error.ts';
import type { ProviderChoice } from './choose-provider.ts';

/** Creates the chosen provider. Its SDK is loaded only now, so that the demo needs none. Throws if the options are wrong. */
export async function loadProvider(choice: ProviderChoice): Promise<Provider> {
  const { model, baseURL, api, apiKey, preset } = choice;
  switch (choice.name) {
    case 'demo':
      return demo();
    case 'openai': {
      await needPackage('openai', () => import('openai'));
      const { openai } = await import('../../providers/openai/index.ts');
      return openai({ preset, model, baseURL, api, apiKey });
    }
    case 'anthropic': {
      await needPackage('@anthropic-ai/sdk', () => import('@anthropic-ai/sdk'));
      const { anthropic } = await import('../../providers/anthropic/index.ts');
      return anthropic({ model, baseURL, apiKey });
    }
  }
}

/** Loads an optional package before the first prompt. If it is missing, the error says how to install it. */
async function needPackage(name: string, load: () => Promise<unknown>): Promise<void> {
  try {
    await load();
  } catch (error) {
    if (!isMissing(name, error)) throw error;
    throw new UsageError(`The package ${name} is not installed: run npm install ${name}.`);
  }
}

/** Whether an import failed because a package is missing. Node's error has no field for the name, so the message is searched. */
export function isMissing(packageName: string, error: unknown): boolean {
  const missing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
  return missing && error.message.includes(`'${packageName}'`);
}
