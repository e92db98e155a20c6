import { burst, burstByEvent, call, firstChunk, paced, toolTurn } from './speed.ts';
import { held, memory } from './open-streams.ts';
import type { Scenario, ScenarioId } from './scenario.ts';

const all: readonly Scenario[] = [burst, burstByEvent, paced, call, toolTurn, memory, firstChunk, held];

/** The scenario with this id. */
export function scenario(id: ScenarioId): Scenario {
  const found = all.find((one) => one.id === id);
  if (found === undefined) throw new Error(`There is no scenario ${id}.`);
  return found;
}
