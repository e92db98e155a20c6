/** A slot of an execution, and those that hold the executions around it. */
interface HeldSlot {
  readonly of: object;
  readonly around: HeldSlot | undefined;
  held: boolean;
}

/** The part of `AsyncLocalStorage` that is used. */
interface Storage {
  run<T>(slot: HeldSlot, call: () => T): T;
  getStore(): HeldSlot | undefined;
}

/** What gives built-in modules at run time: the `process` of Node, Bun, Deno, and Workers with Node's modules. */
interface Host {
  getBuiltinModule(name: string): { AsyncLocalStorage?: new () => Storage } | undefined;
}

const storage = storageOf();

/** Not imported, so that the library also runs without `node:async_hooks`. Then nothing is known. */
function storageOf(): Storage | undefined {
  const host: unknown = Reflect.get(globalThis, 'process');
  const hooks = isHost(host) ? host.getBuiltinModule('node:async_hooks') : undefined;
  return hooks?.AsyncLocalStorage === undefined ? undefined : new hooks.AsyncLocalStorage();
}

function isHost(value: unknown): value is Host {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof Reflect.get(value, 'getBuiltinModule') === 'function'
  );
}

/** Runs code as part of an execution that holds a slot, with all that it starts. */
export type Inside = <T>(call: () => T) => T;

/** Marks code that holds a slot of `slots`. `leave` says that it holds it no more. */
export function holding(slots: object): { inside: Inside | undefined; leave(): void } {
  if (storage === undefined) return { inside: undefined, leave: () => undefined };
  const slot: HeldSlot = { of: slots, around: storage.getStore(), held: true };
  return { inside: (call) => storage.run(slot, call), leave: () => (slot.held = false) };
}

/** How many executions that are marked as holding a slot of `slots` the code that runs now is part of. */
export function depthInside(slots: object): number {
  let depth = 0;
  for (let slot = storage?.getStore(); slot !== undefined; slot = slot.around) {
    if (slot.of === slots && slot.held) depth++;
  }
  return depth;
}
