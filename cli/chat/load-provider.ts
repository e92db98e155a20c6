import type { Provider } from '../../src/index.ts';
import { demo } from '../../providers/demo/index.ts';
import { UsageError } from '../usage-error.ts';
import type { ProviderChoice } from './choose-provider.ts';

/** Creates the chosen provider. Its SDK is loaded only now, so that the demo needs none. Throws if the options are wrong. */
export async function loadProvider(choice: ProviderChoice): Promise<Provider> {
  const { model, baseURL, api, apiKey } = choice;
  switch (choice.name) {
    case 'demo':
      return demo();
    case 'openai': {
      const { openai } = await withPeer('openai', () => import('../../providers/openai/index.ts'));
      return openai({ model, baseURL, api, apiKey });
    }
    case 'anthropic': {
      const { anthropic } = await withPeer(
        '@anthropic-ai/sdk',
        () => import('../../providers/anthropic/index.ts'),
      );
      return anthropic({ model, baseURL, apiKey });
    }
  }
}

/** Loads a module that needs an optional package. If the package is missing, the error says how to install it. */
async function withPeer<T>(packageName: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!isMissing(packageName, error)) throw error;
    throw new UsageError(`The package ${packageName} is not installed: run npm install ${packageName}.`);
  }
}

/** Whether an import failed because a package is missing. Node's error has no field for the name, so the message is searched. */
export function isMissing(packageName: string, error: unknown): boolean {
  const missing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
  return missing && error.message.includes(`'${packageName}'`);
}
