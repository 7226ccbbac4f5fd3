import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { checkExecutor, createExecutor } from '../../agents/executors/registry.ts';
import { type ErrorCode, SwarmError } from '../../protocol/errors.ts';
import { type Census, takeCensus } from '../../swarm/census.ts';
import { type LaunchedSwarm, launchSwarm, supervisorOf } from '../../swarm/launch.ts';
import {
  locateProject,
  type ProjectFolder,
  prepareStateFolder,
  type SwarmFolder,
  swarmFolder,
} from '../../swarm/layout.ts';
import { createSwarm, loadRoster } from '../../swarm/roster.ts';
import { FOUNDING_DEFAULTS, type FoundingOptions, planFromOptions } from '../founding-options.ts';
import { NODE_COMMAND, RAFT_MANAGER } from '../node-command.ts';
import { packageVersion } from '../package-version.ts';
import { printJson, printLine } from '../reach.ts';
import { EXIT, exitCodeOf } from '../report-error.ts';
import { Interrupts } from '../run/interrupts.ts';
import type { UpOptions } from './service-options.ts';

const READY_TIMEOUT_MS = 60_000;
const POLL_MS = 50;
const CENSUS_TIMEOUT_MS = 1_000;

/** Founding options that a swarm which exists already cannot take any more. */
const FOUNDING = [
  ...['agents', 'agentFile', 'executor', 'model', 'maxTurns', 'budgetUsd', 'budgetTokens'],
  ...['host', 'port', 'lease', 'requireHooks'],
];

export async function executeUp(options: UpOptions, isGiven: (name: string) => boolean): Promise<void> {
  const project = locateProject(options.dir, process.env, process.cwd());
  const folder = swarmFolder(project.standing);
  const running = supervisorOf(folder);
  if (running !== undefined) {
    throw new SwarmError(
      'ALREADY_RUNNING',
      `the swarm in ${folder.root} is up already, under process ${running}; stop it with "raft-manager down"`,
    );
  }
  await found(project, options, isGiven, async () => {
    if (options.foreground) return stayInForeground(folder, options);
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
    checkUnchanged(folder, isGiven);
    await checkExecutor(await createExecutor(loadRoster(folder).executor), process.env);
  } else {
    const roster = await planFromOptions(options, { project, name: 'swarm' });
    prepareStateFolder(project.state);
    createSwarm(folder.root, roster);
  }
  try {
    await start();
  } catch (error) {
    // It never began: the next "up" must not be held to options that cannot be met. Unless somebody else began it.
    const isUp = error instanceof SwarmError && error.code === 'ALREADY_RUNNING';
    if (isNew && !isUp && exitCodeOf(error) === EXIT.usage) {
      rmSync(folder.root, { recursive: true, force: true });
    }
    throw error;
  }
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

/** Supervises from this process until it is told to stop. */
async function stayInForeground(folder: SwarmFolder, options: UpOptions): Promise<void> {
  const interrupts = new Interrupts();
  const swarm = await launch(folder);
  interrupts.onSecond(() => void swarm.supervisor.halt().then(() => process.exit(EXIT.failed)));
  const stopping = new AbortController();
  const stopped = interrupts.first.then(() => stopping.abort());
  try {
    const census = await electedCensus(folder, stopping.signal);
    if (census !== undefined) announce(census, folder, options);
    tellStarter({ type: 'up' });
    await stopped;
  } finally {
    await swarm.stop();
  }
}

async function launch(folder: SwarmFolder): Promise<LaunchedSwarm> {
  const warn = (text: string): void => {
    try {
      process.stderr.write(`raft-manager: ${text}\n`);
    } catch (error) {
      // The log lies on the disk of the instances. Where that has failed, they need their supervisor all the more.
      if (!(error instanceof Error && 'syscall' in error)) throw error;
    }
  };
  try {
    return await launchSwarm({
      folder,
      nodeCommand: NODE_COMMAND,
      onEvent(event) {
        if (event.type === 'exited') warn(`instance ${event.id} ended (${event.how}); it is restarted`);
        if (event.type === 'gave-up') warn(`instance ${event.id} stays down: ${event.reason}`);
        if (event.type === 'removed') warn(`instance ${event.id} was removed from the swarm`);
      },
    });
  } catch (error) {
    if (error instanceof SwarmError)
      tellStarter({ type: 'failed', code: error.code, message: error.message });
    throw error;
  }
}

/** What a detached supervisor tells the command that started it. */
type Word =
  | { readonly type: 'up' }
  | { readonly type: 'failed'; readonly code: ErrorCode; readonly message: string };

function tellStarter(word: Word): void {
  process.send?.(word);
}

/** Starts the same in a process of its own, and waits until it has a coordinator or says why not. */
async function detach(folder: SwarmFolder, dir: string | undefined): Promise<void> {
  mkdirSync(folder.supervisor, { recursive: true, mode: 0o700 });
  const logFile = join(folder.supervisor, 'supervisor.log');
  const log = openSync(logFile, 'w', 0o600);
  const place = dir === undefined ? [] : ['--dir', dir];
  const [program = process.execPath, ...args] = RAFT_MANAGER;
  const child = spawn(program, [...args, 'up', '--foreground', ...place], {
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

/** Looks until somebody has been elected; undefined when told to stop before. */
async function electedCensus(folder: SwarmFolder, stop: AbortSignal): Promise<Census | undefined> {
  for (const deadline = performance.now() + READY_TIMEOUT_MS; performance.now() < deadline; ) {
    if (stop.aborted) return undefined;
    const census = await takeCensus(folder, packageVersion(), CENSUS_TIMEOUT_MS);
    if (census.quorum) return census;
    await delay(POLL_MS);
  }
  throw new SwarmError(
    'NO_QUORUM',
    `nobody was elected within ${READY_TIMEOUT_MS / 1_000} s; see the node.log files in ${folder.root}/nodes`,
  );
}

function announce(census: Census, folder: SwarmFolder, { json }: UpOptions): void {
  if (json) {
    printJson(census);
    return;
  }
  const up = census.nodes.filter(({ role }) => role !== 'down').length;
  printLine(
    `up: ${up} of ${census.nodes.length} instances, coordinator ${census.coordinator} in term ${census.term}`,
  );
  printLine(`state: ${folder.root}`);
}
