/**
 * The environment of a child process that gets no keys: where programs are, and where Node keeps compiled code, which vitest.config.ts sets. Node
 * takes half as long to load the sources from there. Model servers of the machine are not looked for.
 */
export function childEnvironment(): Record<string, string> {
  const { PATH = '', NODE_COMPILE_CACHE = '' } = process.env;
  return { PATH, NODE_COMPILE_CACHE, SLUICE_LOCAL_MODELS: '0' };
}
