import { expect, test } from 'vitest';
import { entryPoints, root } from '../../scripts/entry-points.ts';

/** The options that some factories require. */
const options: Readonly<Record<string, unknown>> = {
  contextWindow: { maxTokens: 1_000, strategy: 'fail' },
  timeout: { idleMs: 1_000 },
  system: 'Be brief.',
  tools: [],
};

/** `provider` has tests of its own, and `httpTool()` makes a tool. */
const built = entryPoints().filter(({ specifier }) =>
  /^sluice\/middleware\/(?!provider|http-tool)/.test(specifier),
);

test.each(built)(
  '$specifier keeps the name of its middleware in the build',
  async ({ specifier, built: file }) => {
    const name = (specifier.split('/').at(-1) ?? '').replace(/-(\w)/g, (_, letter: string) =>
      letter.toUpperCase(),
    );
    const module: unknown = await import(root + file);
    const factory: unknown =
      typeof module === 'object' && module !== null ? Reflect.get(module, name) : undefined;
    if (typeof factory !== 'function') throw new Error(`${specifier} exports no ${name}`);
    expect(Reflect.get(Object(Reflect.apply(factory, undefined, [options[name] ?? {}])), 'name')).toBe(name);
  },
);
