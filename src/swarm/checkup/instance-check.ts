import { existsSync } from 'node:fs';
import type { ClusterId, NodeId } from '../../protocol/ids.ts';
import { abandonedBy, holderOf } from '../../storage/folder-lock.ts';
import { checkData } from '../../storage/offline-log.ts';
import { memberIdOf, standingOf } from '../identity.ts';
import type { SwarmFolder } from '../layout.ts';
import { quarantineOf } from '../quarantine.ts';
import { isRemoved } from '../removal.ts';
import type { RosterNode } from '../roster.ts';
import { type Finding, note, refusal, wrong } from './finding.ts';
import { checkLastEnd } from './last-end.ts';
import type { InstancePlace } from './place.ts';
import { checkPort } from './port-check.ts';

/** Looks at one instance of this machine, whether it runs or not. */
export async function checkInstance(place: InstancePlace): Promise<readonly Finding[]> {
  const { folder, member } = place;
  const name = member.id as NodeId;
  const isUp = holderOf(folder.wal(name)) !== undefined;
  return [
    ...checkAgentFile(member),
    ...checkStanding(place),
    ...checkQuarantine(folder, name),
    ...checkLock(folder, name),
    ...(await checkLog(place)),
    ...(isUp ? [] : [...checkLastEnd(folder, name), ...(await checkPort(place))]),
  ];
}

function checkAgentFile({ agentFile, id }: RosterNode): readonly Finding[] {
  if (existsSync(agentFile)) return [];
  const what = 'the agent file that the roster names is not there';
  const advice = 'put it back, or correct "agentFile" of this instance in the roster';
  return [wrong({ about: 'missing', path: agentFile, what, advice }, id)];
}

/** Whom it would come up as. */
function checkStanding({ folder, member, roster }: InstancePlace): readonly Finding[] {
  const name = member.id as NodeId;
  const path = folder.identity(name);
  if (isRemoved(folder, name)) {
    const what = 'it was removed from the swarm, and is left down';
    const advice = '"raft-manager members add" lets it in again, as a learner';
    return [note({ about: 'removed', path: folder.removed(name), what, advice }, name)];
  }
  try {
    const standing = standingOf(folder, name, { isFounder: roster.seeds === undefined });
    if (standing.kind !== 'forgotten') return [];
    const what = `its data are gone; it was ${standing.former}`;
    const advice =
      'nothing: as long as a majority is up it comes back under a new id, and is sent everything';
    return [note({ about: 'missing', path: folder.wal(name), what, advice }, name)];
  } catch (error) {
    const advice = `move ${folder.nodeFolder(name)} away and start it again, as long as a majority of the others is well`;
    return [wrong(refusal(error, { about: 'identity', path, advice }), name)];
  }
}

function checkQuarantine(folder: SwarmFolder, name: NodeId): readonly Finding[] {
  const quarantine = quarantineOf(folder, name);
  if (quarantine === undefined) return [];
  const path = folder.quarantined(name);
  const what = `it is kept out since ${quarantine.at}: it ${quarantine.why}`;
  const advice = `move ${folder.nodeFolder(name)} away (keep it for whoever looks for the reason): it comes back under a new id, and is sent everything by the others. Remove the file "quarantined" instead to let it come up as it is`;
  return [wrong({ about: 'quarantined', path, what, advice }, name)];
}

function checkLock(folder: SwarmFolder, name: NodeId): readonly Finding[] {
  const path = folder.wal(name);
  const pid = abandonedBy(path);
  if (pid === undefined) return [];
  const what = `process ${pid}, which had it, was killed`;
  const advice = 'nothing: the next start takes it over';
  return [note({ about: 'stale-lock', path, what, advice }, name)];
}

const DATA_ADVICE: Readonly<Record<string, string>> = {
  DATA_DAMAGED:
    'move the folder of the instance away and start it again, as long as a majority of the others is well: it comes back under a new id, and is sent everything',
  DATA_FOREIGN: 'put the right folder here, or move this one away; two instances must never share one',
};

/** Every byte of log and snapshots. */
async function checkLog({ folder, roster, member }: InstancePlace): Promise<readonly Finding[]> {
  const name = member.id as NodeId;
  const path = folder.wal(name);
  if (!existsSync(path)) return [];
  try {
    const owner = { clusterId: roster.clusterId as ClusterId, nodeId: memberIdOf(folder, name) };
    await checkTwice(folder, name, () => checkData(path, owner));
    return [];
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const about = code === 'DATA_FOREIGN' ? 'foreign' : 'damaged';
    return [wrong(refusal(error, { about, path, advice: DATA_ADVICE[code] ?? '' }), name)];
  }
}

/** A node at work removes and replaces files while they are read: what is really wrong is so a second time. */
async function checkTwice(folder: SwarmFolder, name: NodeId, check: () => Promise<unknown>): Promise<void> {
  const isBusy = holderOf(folder.wal(name)) !== undefined;
  try {
    await check();
  } catch (error) {
    if (!isBusy) throw error;
    await check();
  }
}
