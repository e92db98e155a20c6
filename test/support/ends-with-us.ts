import type { ChildProcess } from 'node:child_process';

const children = new Set<ChildProcess>();

/** Ends a child process together with this one, even if this one is interrupted or the child is stopped by a signal. */
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
