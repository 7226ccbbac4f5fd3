import { accessSync, constants } from 'node:fs';
import { roomAt } from '../../storage/offline-room.ts';
import { isCode } from '../files.ts';
import { type Finding, wrong } from './finding.ts';

/** What this process runs on, and what the package asks for (`engines` of its package.json). */
export interface Runtime {
  /** Such as `20.19.1`. */
  readonly version: string;
  /** Such as `>=20.19`. */
  readonly range: string;
}

export function checkRuntime({ version, range }: Runtime): readonly Finding[] {
  const [least, has] = [numbersIn(range), numbersIn(version)];
  const differing = least.findIndex((number, at) => number !== has[at]);
  if (differing === -1 || (has[differing] ?? 0) > (least[differing] ?? 0)) return [];
  const what = `this is Node ${version}, and the package needs ${range}`;
  return [wrong({ about: 'node-version', path: null, what, advice: 'install a newer Node, and use it' })];
}

function numbersIn(version: string): readonly number[] {
  return (version.match(/\d+/g) ?? []).map(Number);
}

const MIB = 1024 * 1024;

/** The file system that the state is on: can it be written to, and is there room. */
export async function checkDisk(state: string): Promise<readonly Finding[]> {
  return [...checkWritable(state), ...(await checkRoom(state))];
}

/** Whether this user may use the folder at all. */
export function checkWritable(state: string): readonly Finding[] {
  try {
    accessSync(state, constants.R_OK | constants.W_OK | constants.X_OK);
    return [];
  } catch (error) {
    if (isCode(error, 'EROFS')) {
      const advice = 'mount it for writing (after an error it may have to be checked first)';
      return [wrong({ about: 'read-only', path: state, what: 'the file system is read-only', advice })];
    }
    if (!isCode(error, 'EACCES')) throw error;
    const advice = 'give it to this user (chown -R), or run as its owner';
    return [wrong({ about: 'owner', path: state, what: 'this user may not read and write it', advice })];
  }
}

async function checkRoom(state: string): Promise<readonly Finding[]> {
  const room = await roomAt(state);
  if (room === undefined || room.freeBytes >= room.reserveBytes) return [];
  const [free, reserve] = [room.freeBytes, room.reserveBytes].map((bytes) => (bytes / MIB).toFixed(1));
  const what = `${free} MiB are free on its disk; with less than ${reserve} MiB commands are refused (DISK_FULL)`;
  return [
    wrong({ about: 'disk-space', path: state, what, advice: 'free space; nothing has to be started again' }),
  ];
}
