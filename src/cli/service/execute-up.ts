import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SwarmError } from '../../protocol/errors.ts';
import { type Census, takeCensus } from '../../swarm/census.ts';
import { launchSwarm, supervisorOf } from '../../swarm/launch.ts';
import { locateProject, prepareStateFolder, type SwarmFolder, swarmFolder } from '../../swarm/layout.ts';
import { createSwarm, loadRoster } from '../../swarm/roster.ts';
import { planFromOptions } from '../founding-options.ts';
import { NODE_COMMAND, RAFT_MANAGER } from '../node-command.ts';
import { packageVersion } from '../package-version.ts';
import { printJson, printLine } from '../reach.ts';
import { Interrupts } from '../run/interrupts.ts';
import type { UpOptions } from './service-options.ts';

const READY_TIMEOUT_MS = 60_000;
const POLL_MS = 50;
const CENSUS_TIMEOUT_MS = 1_000;

/** Founding options that a swarm which exists already cannot take any more. */
const FOUNDING = ['agents', 'agentFile', 'executor', 'port', 'lease', 'requireHooks'];

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
  if (existsSync(folder.roster)) {
    checkUnchanged(folder, isGiven);
  } else {
    const roster = await planFromOptions(options, { project, name: 'swarm' });
    prepareStateFolder(project.state);
    createSwarm(folder.root, roster);
  }
  if (options.foreground) await stayInForeground(folder, options);
  else await detach(folder, options);
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
  const swarm = await launchSwarm({
    folder,
    nodeCommand: NODE_COMMAND,
    onEvent(event) {
      if (event.type === 'exited')
        process.stderr.write(`raft-manager: instance ${event.id} ended (${event.how}); it is restarted\n`);
      if (event.type === 'gave-up')
        process.stderr.write(`raft-manager: instance ${event.id} stays down: ${event.reason}\n`);
    },
  });
  interrupts.onSecond(() => {
    swarm.supervisor.kill();
    process.exit(1);
  });
  announce(await electedCensus(folder), folder, options);
  await interrupts.first;
  await swarm.stop();
}

/** Starts the same in a process of its own, and waits until it has a coordinator or says why not. */
async function detach(folder: SwarmFolder, options: UpOptions): Promise<void> {
  mkdirSync(folder.supervisor, { recursive: true, mode: 0o700 });
  const logFile = join(folder.supervisor, 'supervisor.log');
  const log = openSync(logFile, 'w', 0o600);
  const place = options.dir === undefined ? [] : ['--dir', options.dir];
  const [program = process.execPath, ...args] = RAFT_MANAGER;
  const child = spawn(program, [...args, 'up', '--foreground', ...place], {
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const ended = new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
  const outcome = await Promise.race([ended, electedCensus(folder)]);
  child.unref();
  if (typeof outcome === 'number') {
    process.stderr.write(readFileSync(logFile, 'utf8'));
    process.exitCode = outcome === 0 ? 1 : outcome;
    return;
  }
  announce(outcome, folder, options);
}

/** Looks until somebody has been elected. */
async function electedCensus(folder: SwarmFolder): Promise<Census> {
  for (const deadline = performance.now() + READY_TIMEOUT_MS; performance.now() < deadline; ) {
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
