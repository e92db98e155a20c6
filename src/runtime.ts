/** The oldest Node that works, as in `engines` of package.json. */
const OLDEST_NODE = [22, 19] as const;

/** The versions of the runtime and its parts, as in `process.versions`. */
type Versions = Readonly<Record<string, string | undefined>>;

/**
 * What is wrong with the runtime, or undefined. Only an old Node is refused: it would fail later, and at some place that says nothing. Bun and
 * Deno also tell a version of Node, but have their own.
 */
export function runtimeProblem(
  versions: Versions | undefined = globalThis.process?.versions,
): string | undefined {
  if (versions?.['node'] === undefined || versions['bun'] !== undefined || versions['deno'] !== undefined) {
    return undefined;
  }
  const [major = 0, minor = 0] = versions['node'].split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return undefined;
  return `Sluice needs Node.js ${OLDEST_NODE.join('.')} or later, and this is ${versions['node']}: install a newer Node.js.`;
}
