import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { checkExecutor, createExecutor } from '../../agents/executors/registry.ts';
import { SwarmError } from '../../protocol/errors.ts';
import { takeCensus } from '../../swarm/census.ts';
import { checkWritable } from '../../swarm/checkup/machine-check.ts';
import { checkMajority } from '../../swarm/checkup/majority-check.ts';
import { adoptPreparedSecurity, giveBackSecurity, hasSecurity } from '../../swarm/founding-security.ts';
import { supervisorOf } from '../../swarm/launch.ts';
import {
  locateProject,
  type ProjectFolder,
  prepareStateFolder,
  type SwarmFolder,
  swarmFolder,
} from '../../swarm/layout.ts';
import { createSwarm, loadRoster } from '../../swarm/roster.ts';
import { FOUNDING_DEFAULTS, type FoundingOptions, planFromOptions } from '../founding-options.ts';
import { RAFT_MANAGER } from '../node-command.ts';
import { packageVersion } from '../package-version.ts';
import { printLine } from '../reach.ts';
import { EXIT, exitCodeOf } from '../report-error.ts';
import type { UpOptions } from './service-options.ts';
import { checkStandsBy, standBy } from './stand-by.ts';
import { announce, CENSUS_TIMEOUT_MS, superviseHere, type Word } from './supervise.ts';

/** Founding options that a swarm which exists already cannot take any more. */
const FOUNDING = [
  ...['agents', 'agentFile', 'executor', 'model', 'maxTurns', 'budgetUsd', 'budgetTokens'],
  ...['host', 'advertise', 'port', 'lease', 'verifyEvery', 'requireHooks'],
];

export async function executeUp(options: UpOptions, isGiven: (name: string) => boolean): Promise<void> {
  const project = locateProject(options.dir, process.env, process.cwd());
  const folder = swarmFolder(project.standing);
  if (options.standby) {
    checkUnchanged(folder, isGiven);
    checkStandsBy(folder);
    if (options.foreground) return standBy(folder, options);
    await detach(folder, options.dir, ['--standby']);
    printLine(`standing by: takes over when the process that supervises ${folder.root} is killed`);
    return;
  }
  const running = supervisorOf(folder);
  if (running !== undefined) {
    throw new SwarmError(
      'ALREADY_RUNNING',
      `the swarm in ${folder.root} is up already, under process ${running}; stop it with "raft-manager down"`,
    );
  }
  await found(project, options, isGiven, async () => {
    if (options.foreground) return superviseHere(folder, options);
    await detach(folder, options.dir);
    announce(await takeCensus(folder, packageVersion(), CENSUS_TIMEOUT_MS), folder, options);
  });
}

/**
 * Brings up the project's swarm in processes of its own, as "up" without options does, and says nothing. Somebody else
 * may do so at the same moment: one of them wins.
 */
export async function bringUp(project: ProjectFolder): Promise<void> {
  const folder = swarmFolder(project.standing);
  if (supervisorOf(folder) !== undefined) return;
  try {
    await found(
      project,
      FOUNDING_DEFAULTS,
      () => false,
      () => detach(folder, project.state),
    );
  } catch (error) {
    if (error instanceof SwarmError && error.code === 'ALREADY_RUNNING') return;
    throw error;
  }
}

/** Sees to it that there is a swarm that can be started, and starts it. */
async function found(
  project: ProjectFolder,
  options: FoundingOptions,
  isGiven: (name: string) => boolean,
  start: () => Promise<void>,
): Promise<void> {
  const folder = swarmFolder(project.standing);
  const isNew = !existsSync(folder.roster);
  if (!isNew) {
    checkUsable(folder);
    checkUnchanged(folder, isGiven);
    // It may come up all the same, with members of other machines.
    for (const { what, advice } of checkMajority(folder, loadRoster(folder))) {
      process.stderr.write(`raft-manager: ${what}; ${advice}\n`);
    }
    await checkExecutor(await createExecutor(loadRoster(folder).executor), process.env);
  } else {
    const roster = await planFromOptions(options, {
      project,
      name: 'swarm',
      secured: hasSecurity(project.state, folder),
    });
    prepareStateFolder(project.state);
    createSwarm(folder.root, roster);
  }
  adoptPreparedSecurity(project.state, folder);
  try {
    await start();
  } catch (error) {
    // It never began: the next "up" must not be held to options that cannot be met. Unless somebody else began it.
    const isUp = error instanceof SwarmError && error.code === 'ALREADY_RUNNING';
    if (isNew && !isUp && exitCodeOf(error) === EXIT.usage) {
      giveBackSecurity(project.state, folder);
      rmSync(folder.root, { recursive: true, force: true });
    }
    throw error;
  }
}

/** Before anything is tried in it: what the file system says then names some file, and not what to do. */
function checkUsable({ root }: SwarmFolder): void {
  const [hindrance] = checkWritable(root);
  if (hindrance === undefined) return;
  throw new SwarmError('BAD_INPUT', `${root} cannot be used: ${hindrance.what}; ${hindrance.advice}`);
}

function checkUnchanged(folder: SwarmFolder, isGiven: (name: string) => boolean): void {
  loadRoster(folder);
  const given = FOUNDING.find(isGiven);
  if (given === undefined) return;
  const option = `--${given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  throw new SwarmError(
    'BAD_INPUT',
    `the swarm in ${folder.root} exists; ${option} is for a new one. Leave it out, or remove that folder to begin anew (its task log is lost then)`,
  );
}

/** Starts the same in a process of its own, and waits until it has a coordinator or says why not. */
async function detach(
  folder: SwarmFolder,
  dir: string | undefined,
  more: readonly string[] = [],
): Promise<void> {
  mkdirSync(folder.supervisor, { recursive: true, mode: 0o700 });
  const logFile = join(folder.supervisor, more.length === 0 ? 'supervisor.log' : 'standby.log');
  const log = openSync(logFile, 'w', 0o600);
  const place = dir === undefined ? [] : ['--dir', dir];
  const [program = process.execPath, ...args] = RAFT_MANAGER;
  const child = spawn(program, [...args, 'up', '--foreground', ...more, ...place], {
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  const word = await new Promise<Word>((resolve) => {
    child.once('message', (message) => resolve(message as Word));
    child.once('exit', (code) => {
      const message = `the supervisor ended with exit code ${code}; see ${logFile}`;
      resolve({ type: 'failed', code: 'STOPPED', message });
    });
  });
  if (word.type === 'failed') throw new SwarmError(word.code, word.message);
  child.disconnect();
  child.unref();
}
