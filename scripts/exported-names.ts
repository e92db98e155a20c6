import ts from 'typescript';
import { root, type EntryPoint } from './entry-points.ts';

/**
 * The names that an entry point exports, including types, from the built declarations. One line each, such as `class Pipeline` or
 * `type Middleware`, sorted by name.
 */
export function exportedNames(entries: readonly EntryPoint[]): Map<string, string[]> {
  const fileOf = (entry: EntryPoint): string => root + entry.built.replace(/\.js$/, '.d.ts');
  const program = ts.createProgram(entries.map(fileOf), {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2024,
    skipLibCheck: true,
    noEmit: true,
    types: ['node'],
  });
  const checker = program.getTypeChecker();
  const names = new Map<string, string[]>();
  for (const entry of entries) {
    const file = program.getSourceFile(fileOf(entry));
    const module = file && checker.getSymbolAtLocation(file);
    const symbols = module ? checker.getExportsOfModule(module) : [];
    const lines = symbols.map((symbol) => ({ name: symbol.name, kind: kindOf(symbol, checker) }));
    lines.sort((a, b) => (a.name < b.name ? -1 : 1));
    names.set(
      entry.specifier,
      lines.map(({ kind, name }) => `${kind} ${name}`),
    );
  }
  return names;
}

const kinds: readonly [ts.SymbolFlags, string][] = [
  [ts.SymbolFlags.Class, 'class'],
  [ts.SymbolFlags.Function, 'function'],
  [ts.SymbolFlags.Variable, 'const'],
  [ts.SymbolFlags.Interface, 'interface'],
  [ts.SymbolFlags.TypeAlias, 'type'],
];

function kindOf(symbol: ts.Symbol, checker: ts.TypeChecker): string {
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  return kinds.find(([flag]) => target.flags & flag)?.[1] ?? 'unknown';
}
