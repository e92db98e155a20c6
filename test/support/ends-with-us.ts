import type { ChildProcess } from 'node:child_process';

const children = new Set<ChildProcess>();

/** Has a process end with this one, also where it is interrupted, or the other is stopped and would hear of nothing. */
export function endsWithUs<C extends ChildProcess>(child: C): C {
  if (children.size === 0) process.once('exit', endAll);
  children.add(child);
  child.once('exit', () => {
    children.delete(child);
    if (children.size === 0) process.removeListener('exit', endAll);
  });
  return child;
}

function endAll(): void {
  for (const child of children) child.kill('SIGKILL');
}
