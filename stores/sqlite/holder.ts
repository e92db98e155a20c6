import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/*
 * Which process has a lease. A process that was killed cannot release its lease. If it ran on this machine, others can see that it is gone and need not wait until
 * the lease expires. If it is uncertain, the process counts as alive.
 */

let here: string | undefined;

/** This process, as it is stored with its leases. */
export function thisProcess(): string {
  here ??= [placeOfProcesses(), process.pid, startOf(process.pid) ?? ''].join('|');
  return here;
}

/** Whether a process that {@link thisProcess} named has ended. */
export function hasEnded(holder = ''): boolean {
  const [place, id, start] = holder.split('|');
  const pid = Number(id);
  // Process ids are unique only within one boot of a machine and one container.
  if (place !== placeOfProcesses() || !Number.isSafeInteger(pid) || pid < 1) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Any error other than "no such process", such as a missing permission, means that the process exists.
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
  const now = startOf(pid);
  // Another process has its id now, or it has ended and is a zombie.
  return now !== undefined && start !== '' && now !== start;
}

let place: string | undefined;

/** Identifies the scope in which process ids are unique. */
function placeOfProcesses(): string {
  place ??= linuxPlace() ?? hostname();
  return place;
}

function linuxPlace(): string | undefined {
  try {
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return undefined;
  }
}

/** When a process started, in Linux clock ticks (proc(5), field 22 of `stat`), or `ended` for a zombie; undefined if unknown. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name of the program, which may contain anything.
    const [state = '', ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' || state === 'X' ? 'ended' : fields[18];
  } catch {
    return undefined;
  }
}
