import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/*
 * Who has a lease. A process that was killed cannot give its lease back. One on this machine can be seen to be gone, and then nobody has to wait until
 * the lease runs out. In every case of doubt it counts as alive.
 */

let here: string | undefined;

/** This process, as what is stored with its leases. */
export function thisProcess(): string {
  here ??= [placeOfProcesses(), process.pid, startOf(process.pid) ?? ''].join('|');
  return here;
}

/** Whether a process that {@link thisProcess} named has ended. */
export function hasEnded(holder = ''): boolean {
  const [place, id, start] = holder.split('|');
  const pid = Number(id);
  // Process ids mean something within their machine, start of it, and container alone.
  if (place !== placeOfProcesses() || !Number.isSafeInteger(pid) || pid < 1) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Anything else than "no such process", such as a missing right, says that there is one.
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
  const now = startOf(pid);
  // Another process, or one that has ended and that its parent has not asked about.
  return now !== undefined && start !== '' && now !== start;
}

let place: string | undefined;

/** Where process ids are unique. */
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

/** When a process began, in Linux's own count (proc(5), field 22 of `stat`), `ended` for a zombie; undefined if it is not known. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name, which may hold anything.
    const [state = '', ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' || state === 'X' ? 'ended' : fields[18];
  } catch {
    return undefined;
  }
}
