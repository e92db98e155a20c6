import { listModels } from './list-models.ts';
import type { ListedModel } from './list-models.ts';

/** A server of models that may run on this machine. */
export interface LocalServer {
  preset: 'ollama' | 'lmstudio';
  title: string;
  baseURL: string;
}

/** A server that runs, with its models. */
export interface RunningServer extends LocalServer {
  models: ListedModel[];
}

/** Nothing else happens meanwhile. A port without a server answers at once. */
const PROBE_MS = 300;

/** Models that do not talk. */
const NO_CHAT = /embed|rerank|whisper|tts/i;

/**
 * The servers to look for. Ollama's is where `OLLAMA_HOST` says, if that is on this machine. `SLUICE_LOCAL_MODELS=0` says that there are none.
 */
export function localServers(environment: Readonly<Record<string, string | undefined>>): LocalServer[] {
  if (environment['SLUICE_LOCAL_MODELS'] === '0') return [];
  return [
    { preset: 'ollama', title: 'Ollama', baseURL: `${ollamaAddress(environment['OLLAMA_HOST'])}/v1` },
    { preset: 'lmstudio', title: 'LM Studio', baseURL: 'http://127.0.0.1:1234/v1' },
  ];
}

/** Those of the servers that run and have a model to talk to, asked at the same time. A server that does not answer soon does not run. */
export async function runningServers(servers: readonly LocalServer[]): Promise<RunningServer[]> {
  const found = await Promise.all(servers.map(modelsOf));
  return found.filter((server) => server.models.length > 0);
}

async function modelsOf(server: LocalServer): Promise<RunningServer> {
  try {
    const models = await listModels({ baseURL: server.baseURL, timeoutMs: PROBE_MS });
    return { ...server, models: models.filter(({ id }) => !NO_CHAT.test(id)) };
  } catch {
    return { ...server, models: [] };
  }
}

const OLLAMA = 'http://127.0.0.1:11434';

/** `OLLAMA_HOST` is a host, a port or both, with or without a scheme. Another machine is not asked: nobody named it to us. */
function ollamaAddress(host: string | undefined): string {
  const given = host?.trim() ?? '';
  if (given === '') return OLLAMA;
  const address = /^https?:\/\//.test(given)
    ? given
    : `http://${given.startsWith(':') ? `127.0.0.1${given}` : given}`;
  if (!URL.canParse(address)) return OLLAMA;
  const url = new URL(address);
  const isHere = ['127.0.0.1', 'localhost', '[::1]', '0.0.0.0'].includes(url.hostname);
  return isHere ? `http://127.0.0.1:${url.port === '' ? '11434' : url.port}` : OLLAMA;
}
