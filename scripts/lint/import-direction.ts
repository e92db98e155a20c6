import { isBuiltin } from 'node:module';
import { posix, relative, sep } from 'node:path';
import type { Rule } from 'eslint';

/** What the rule needs to know about the repository. */
export interface ImportDirectionOptions {
  /** Absolute path of the repository's root. */
  root: string;
  /** Folders with published code. The rule does not apply to others. */
  published: readonly string[];
  /** Sources of the public entry points: `middleware/cost.ts`, `providers/openai/index.ts`. */
  entries: readonly string[];
  /** Packages that published code may import: the runtime dependencies and the optional peers. */
  packages: readonly string[];
  /** Packages the core may import. */
  corePackages: readonly string[];
}

const core = 'src';
/** The files of the core that other folders may import. */
const coreEntries = ['src/index.ts', 'src/kit/index.ts'];
/** Folders that combine others and may import their public entries. */
const composers = new Set(['cli', 'server', 'conversation', 'interop']);
/** Folders that may import the types of other folders' public entries: a contract suite tests what another folder defines, and must not load it. */
const readers = new Set(['testing']);
/** The file in which a plugin's folder gives to composers what is not published. */
const sharedFile = 'shared.ts';
/** What all providers share. A model of another library is a provider, too. */
const providerParts = { folder: 'interop', file: 'providers/wire/index.ts' };
/** Folders that must also run without Node's modules. */
const portable = new Set([core, 'client']);

/**
 * Explains why a file may not import a specifier. Returns `undefined` if it may.
 *
 * @param file path of the importing file, from the root, with forward slashes
 * @param typesOnly whether nothing of the import is left at run time
 */
export function whyForbidden(
  file: string,
  specifier: string,
  options: ImportDirectionOptions,
  typesOnly = false,
): string | undefined {
  const folder = topOf(file);
  if (!options.published.includes(folder)) return undefined;
  return specifier.startsWith('.')
    ? whyForbiddenFile(file, folder, posix.join(posix.dirname(file), specifier), options, typesOnly)
    : whyForbiddenPackage(folder, specifier, options);
}

function whyForbiddenFile(
  file: string,
  folder: string,
  target: string,
  options: ImportDirectionOptions,
  typesOnly: boolean,
): string | undefined {
  const targetFolder = topOf(target);
  if (targetFolder === folder)
    return folder === core ? undefined : whyForbiddenSibling(file, target, options);
  if (folder === core) return `${core}/ may not import other folders.`;
  if (coreEntries.includes(target)) return undefined;
  if (targetFolder === core) return `Import the core through ${coreEntries.join(' or ')}.`;
  if (readers.has(folder)) {
    if (typesOnly && options.entries.includes(target)) return undefined;
    return `${folder}/ may only import the core, its own files, and types of public entries.`;
  }
  if (!composers.has(folder)) return `${folder}/ may only import the core and its own files.`;
  if (options.entries.includes(target) || isShared(target, options.entries)) return undefined;
  if (folder === providerParts.folder && target === providerParts.file) return undefined;
  return `${target} is not a public entry. ${folder}/ may only import the entries of other folders.`;
}

/** Plugins in folders of their own (providers/openai) may not import each other's internals. */
function whyForbiddenSibling(
  file: string,
  target: string,
  options: ImportDirectionOptions,
): string | undefined {
  const plugin = pluginOf(target, options.entries);
  if (plugin === undefined || file.startsWith(plugin) || target === `${plugin}index.ts`) return undefined;
  return `${plugin} is a separate plugin. Import its index.ts, or move the shared code out of it.`;
}

function whyForbiddenPackage(
  folder: string,
  specifier: string,
  options: ImportDirectionOptions,
): string | undefined {
  if (isBuiltin(specifier)) {
    if (portable.has(folder)) return `${folder}/ may not import Node's modules.`;
    return specifier.startsWith('node:') ? undefined : `Write node:${specifier}.`;
  }
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  if (folder === core && !options.corePackages.includes(name)) return `The core may not import ${name}.`;
  return options.packages.includes(name)
    ? undefined
    : `${name} is neither a runtime dependency nor an optional peer of the package.`;
}

function topOf(path: string): string {
  return path.slice(0, Math.max(0, path.indexOf('/')));
}

/** The folder of the plugin that a path belongs to, such as `providers/openai/`. A folder is a plugin if its index is a public entry. */
function pluginOf(path: string, entries: readonly string[]): string | undefined {
  const [top, name, ...rest] = path.split('/');
  const plugin = `${top ?? ''}/${name ?? ''}/`;
  return rest.length > 0 && entries.includes(`${plugin}index.ts`) ? plugin : undefined;
}

function isShared(path: string, entries: readonly string[]): boolean {
  return path === `${pluginOf(path, entries) ?? ''}${sharedFile}`;
}

/** The ESLint rule: imports only point inward. It checks static, dynamic and type imports and re-exports. */
export function importDirection(options: ImportDirectionOptions): Rule.RuleModule {
  return {
    meta: { type: 'problem', schema: [], docs: { description: 'Imports only point inward.' } },
    create(context) {
      const file = relative(options.root, context.filename).split(sep).join('/');
      function check(node: Rule.Node, source: unknown, typesOnly = false): void {
        if (typeof source !== 'object' || source === null || !('value' in source)) return;
        if (typeof source.value !== 'string') return;
        const message = whyForbidden(file, source.value, options, typesOnly);
        if (message !== undefined) context.report({ node, message });
      }
      return {
        ImportDeclaration: (node: Rule.Node & { source?: unknown; importKind?: string }) => {
          check(node, node.source, node.importKind === 'type');
        },
        ExportNamedDeclaration: (node: Rule.Node & { source?: unknown; exportKind?: string }) => {
          check(node, node.source, node.exportKind === 'type');
        },
        ExportAllDeclaration: (node) => {
          check(node, node.source);
        },
        ImportExpression: (node) => {
          check(node, node.source);
        },
        TSImportType: (node: Rule.Node & { source?: unknown }) => {
          check(node, node.source, true);
        },
      };
    },
  };
}
