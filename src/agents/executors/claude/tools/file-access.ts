import { SwarmError } from '../../../../protocol/errors.ts';
import { mayMean } from '../../../../tasks/glob.ts';
import type { SwarmGlance, SwarmTools } from '../../port.ts';
import type { Permissions } from './permissions.ts';
import type { SeenFiles } from './seen-files.ts';
import type { Place, Workspace } from './workspace.ts';

/** All that stands between a tool and a file. */
export interface FileAccess {
  readonly workspace: Workspace;
  readonly permissions: Permissions;
  readonly seen: SeenFiles;
  readonly swarm: Pick<SwarmTools, 'status'>;
  readonly instanceId: string;
}

/** @throws SwarmError BAD_INPUT */
export async function placeToRead(access: FileAccess, tool: string, path: string): Promise<Place> {
  const place = await access.workspace.toRead(path);
  checkGrant(access, tool, place);
  return place;
}

/** @throws SwarmError BAD_INPUT; RESERVED, naming who holds it; whatever keeps the swarm from telling. */
export async function placeToWrite(access: FileAccess, tool: string, path: string): Promise<Place> {
  const place = await access.workspace.toWrite(path);
  checkGrant(access, tool, place);
  // Whoever is cut off from the swarm may have lost the task already: without an answer nothing is written.
  const { reservations } = await access.swarm.status();
  const inTheWay = blocking(reservations, access.instanceId, access.workspace.inRepository(place));
  if (inTheWay === undefined) return place;
  const { holder, id, mode, paths } = inTheWay;
  throw new SwarmError(
    'RESERVED',
    `${place.inside} is reserved (${mode}) by ${holder} as ${id}: ${paths.join(', ')}; work on something else, or try again later`,
  );
}

function checkGrant({ permissions }: FileAccess, tool: string, { inside }: Place): void {
  if (permissions.allowsPath(tool, inside)) return;
  throw new SwarmError('BAD_INPUT', `this agent may not use ${tool} on ${inside}`);
}

type Held = SwarmGlance['reservations'][number];

/** A shared reservation of somebody else keeps out only those who do not share it. */
function blocking(reservations: readonly Held[], instanceId: string, path: string): Held | undefined {
  const about = reservations.filter(({ paths }) => paths.some((pattern) => mayMean(pattern, path)));
  const isOurs = about.some(({ holder }) => holder === instanceId);
  return about.find(({ holder, mode }) => holder !== instanceId && (mode === 'exclusive' || !isOurs));
}
