import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { swarmFolder } from '../../src/swarm/layout.ts';
import { toJson } from '../../src/tasks/task.ts';
import { openProject, type Project, ROOT } from './harness.ts';
import { expectEachCompletedOnce, readHistory } from './history.ts';

/** Plays the story as its first lines say, but for the package runner. */
async function play(project: Project) {
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, ['--import', 'tsx', 'examples/five-machines.ts', project.folder], {
    cwd: ROOT,
    env: { PATH, HOME },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr] = await Promise.all([buffer(child.stdout), buffer(child.stderr)]);
  return { exitCode: await ended, stdout: stdout.toString('utf8'), stderr: stderr.toString('utf8') };
}

/** What the tasks wrote, on whichever machine. */
function ledger(project: Project): readonly string[] {
  const files = readdirSync(project.folder, { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => /^[a-e]\/ledger$/.test(file))
    .flatMap((file) => readFileSync(join(project.folder, file), 'utf8').trim().split('\n'));
}

/** Five processes, some sixty commands and 150 tasks: no bound of the story, but of its patience. */
const PATIENCE = { timeout: 300_000 };

test(
  'one of five is lost for good, two are cut off, certificates change: no task is lost or recorded twice',
  PATIENCE,
  async () => {
    const project = openProject();
    const { exitCode, stdout, stderr } = await play(project);
    expect({ exitCode, stderr }, stdout).toEqual({ exitCode: 0, stderr: '' });
    const told = [
      /founded a swarm at wss:/,
      /b, c, d and e have joined/,
      /three voters/,
      /is killed for good/,
      /its vote went to another/,
      /certificate is revoked/,
      /are cut off/,
      /coordinates in term \d+, and makes a new authority known/,
      /the two can decide nothing \(exit code 3\)/,
      /10 more tasks are done|1\d more tasks are done/,
      /every machine has the notes of all/,
      /all certificates are new: authority [0-9a-f]{12}… signs/,
      /the states of all 4 are equal/,
      /tasks: none lost, none recorded twice/,
    ];
    let at = 0;
    for (const line of told) {
      const found = stdout.slice(at).search(line);
      expect(found, `${line} in ${stdout}`).not.toBe(-1);
      at += found;
    }
    // The story counted what the swarm said; this is what the disks say.
    const history = await readHistory(swarmFolder(join(project.folder, 'a/.raft-manager/swarm')));
    const tasks = [...history.machine.tasks.values()].map((record) => toJson(record));
    const ids = tasks.map(({ id }) => id);
    expect(ids.length).toBeGreaterThan(20);
    expectEachCompletedOnce(history, ids);
    const lines = ledger(project);
    expect(lines.every((line) => ids.some((id) => line.startsWith(`${id} `)))).toBe(true);
    const recorded = tasks.map(({ id, fence }) => `${id} ${fence}`);
    expect(lines.filter((line) => recorded.includes(line)).sort()).toEqual(recorded.sort());
    expect(project.processes()).toEqual([]);
  },
);
