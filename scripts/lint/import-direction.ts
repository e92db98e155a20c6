import { isBuiltin } from 'node:module';
import { posix, relative, sep } from 'node:path';
import type { Rule } from 'eslint';

/** What the rule has to know of the repository. */
export interface ImportDirectionOptions {
  /** Absolute path of the repository's root. */
  root: string;
  /** Folders whose code is published. The rule says nothing about the others. */
  published: readonly string[];
  /** Sources of the public entry points: `middleware/cost.ts`, `providers/openai/index.ts`. */
  entries: readonly string[];
  /** Packages that published code may import: runtime dependencies and optional peers. */
  packages: readonly string[];
  /** Packages the core may import. */
  corePackages: readonly string[];
}

const core = 'src';
/** What other folders may import of the core. */
const coreEntries = ['src/index.ts', 'src/kit/index.ts'];
/** Folders that put others together, and may import their public entries. */
const composers = new Set(['cli', 'server', 'conversation', 'interop']);
/** Folders that also run where Node's modules do not exist. */
const portable = new Set([core, 'client']);

/**
 * Says why a file may not import a specifier, or nothing when it may.
 *
 * @param file path of the importing file from the root, with forward slashes
 */
export function whyForbidden(
  file: string,
  specifier: string,
  options: ImportDirectionOptions,
): string | undefined {
  const folder = topOf(file);
  if (!options.published.includes(folder)) return undefined;
  return specifier.startsWith('.')
    ? whyForbiddenFile(file, folder, posix.join(posix.dirname(file), specifier), options)
    : whyForbiddenPackage(folder, specifier, options);
}

function whyForbiddenFile(
  file: string,
  folder: string,
  target: string,
  options: ImportDirectionOptions,
): string | undefined {
  const targetFolder = topOf(target);
  if (targetFolder === folder)
    return folder === core ? undefined : whyForbiddenSibling(file, target, options);
  if (folder === core) return `${core}/ imports no other folder.`;
  if (coreEntries.includes(target)) return undefined;
  if (targetFolder === core) return `Import the core through ${coreEntries.join(' or ')}.`;
  if (!composers.has(folder)) return `${folder}/ imports the core and its own files, no other folder.`;
  if (options.entries.includes(target)) return undefined;
  return `${target} is not a public entry; ${folder}/ may import only the entries of other folders.`;
}

/** Plugins that live in a folder of their own (providers/openai) do not know each other's insides. */
function whyForbiddenSibling(
  file: string,
  target: string,
  options: ImportDirectionOptions,
): string | undefined {
  const plugin = pluginOf(target, options.entries);
  if (plugin === undefined || file.startsWith(plugin) || target === `${plugin}index.ts`) return undefined;
  return `${plugin} is a plugin of its own; import its index.ts or move the shared code out of it.`;
}

function whyForbiddenPackage(
  folder: string,
  specifier: string,
  options: ImportDirectionOptions,
): string | undefined {
  if (isBuiltin(specifier)) {
    if (portable.has(folder)) return `${folder}/ uses no module of Node's.`;
    return specifier.startsWith('node:') ? undefined : `Write node:${specifier}.`;
  }
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  if (folder === core && !options.corePackages.includes(name)) return `The core imports no ${name}.`;
  return options.packages.includes(name)
    ? undefined
    : `${name} is neither a runtime dependency nor an optional peer of the package.`;
}

function topOf(path: string): string {
  return path.slice(0, Math.max(0, path.indexOf('/')));
}

/** The folder `providers/openai/` of a path inside it, when that folder's index is a public entry. */
function pluginOf(path: string, entries: readonly string[]): string | undefined {
  const [top, name, ...rest] = path.split('/');
  const plugin = `${top ?? ''}/${name ?? ''}/`;
  return rest.length > 0 && entries.includes(`${plugin}index.ts`) ? plugin : undefined;
}

/** The ESLint rule: imports point inward only. It looks at static, dynamic and type imports, and at re-exports. */
export function importDirection(options: ImportDirectionOptions): Rule.RuleModule {
  return {
    meta: { type: 'problem', schema: [], docs: { description: 'Imports point inward only.' } },
    create(context) {
      const file = relative(options.root, context.filename).split(sep).join('/');
      function check(node: Rule.Node, source: unknown): void {
        if (typeof source !== 'object' || source === null || !('value' in source)) return;
        if (typeof source.value !== 'string') return;
        const message = whyForbidden(file, source.value, options);
        if (message !== undefined) context.report({ node, message });
      }
      return {
        ImportDeclaration: (node) => {
          check(node, node.source);
        },
        ExportNamedDeclaration: (node) => {
          check(node, node.source);
        },
        ExportAllDeclaration: (node) => {
          check(node, node.source);
        },
        ImportExpression: (node) => {
          check(node, node.source);
        },
        TSImportType: (node: Rule.Node & { source?: unknown }) => {
          check(node, node.source);
        },
      };
    },
  };
}
