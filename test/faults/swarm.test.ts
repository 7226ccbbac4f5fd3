import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { findEndpoint } from '../../src/swarm/endpoint.ts';
import type { SwarmFolder } from '../../src/swarm/layout.ts';
import { eventually, openProject } from '../process/harness.ts';
import { bringUp, expectAcknowledged, type Submitters, submitTo } from '../process/submissions.ts';
import { coordinatorOf, type Found, nextLife } from '../process/swarm-view.ts';
import { type Fault, type Injection, injectInto, requireStrace } from './strace.ts';

beforeAll(requireStrace);

interface Struck {
  readonly folder: SwarmFolder;
  readonly victim: Found;
  readonly submitters: Submitters;
  readonly injection: Injection;
}

/** Three real instances under steady submissions; the disk of the coordinator fails, and `then` looks on. */
async function strikeCoordinator(fault: Fault, then: (struck: Struck) => Promise<void>): Promise<void> {
  const project = openProject();
  const folder = await bringUp(project);
  const submitters = submitTo(folder);
  await eventually('the first acknowledgements', () => submitters.acknowledged.length >= 10);
  const victim = await coordinatorOf(folder);
  const injection = await injectInto(victim.pid, fault);
  await then({ folder, victim, submitters, injection });
  await submitters.stop();
  await expectAcknowledged(project, submitters);
}

/** The others go on. */
async function moreOf({ acknowledged }: Submitters): Promise<void> {
  const before = acknowledged.length;
  await eventually('more acknowledgements', () => acknowledged.length >= before + 10);
}

const supervisorLog = (folder: SwarmFolder): string =>
  readFileSync(join(folder.supervisor, 'supervisor.log'), 'utf8');

/** The lines of a node's log that say `exitCode`. */
const lastWords = (folder: SwarmFolder, { id }: Found): readonly string[] =>
  readFileSync(folder.nodeLog(id), 'utf8')
    .split('\n')
    .filter((line) => line.includes('"exitCode":'));

describe('no acknowledged submission is missing when the disk of the coordinator', () => {
  test.each([
    { why: 'fails a sync', fault: 'fdatasync:error=EIO:when=3+', says: 'EIO: i/o error, fdatasync' },
    { why: 'fails a write', fault: 'pwrite64:error=EIO:when=3+', says: 'EIO: i/o error, write' },
    { why: 'becomes read-only', fault: 'pwrite64:error=EROFS', says: 'The file system is read-only' },
  ] as const)('$why: it stays down, with one line that says why', async ({ fault, says }) => {
    await strikeCoordinator(fault, async ({ folder, victim, submitters }) => {
      await coordinatorOf(folder, victim.id);
      await moreOf(submitters);
      await eventually('the report', () =>
        supervisorLog(folder).includes(`instance ${victim.id} stays down`),
      );
      expect(lastWords(folder, victim)).toEqual([expect.stringContaining('"exitCode":74')]);
      expect(lastWords(folder, victim)[0]).toContain(says);
      expect(
        supervisorLog(folder)
          .split('\n')
          .filter((line) => line.includes(`instance ${victim.id} `)),
      ).toEqual([
        expect.stringMatching(
          new RegExp(`stays down: the data in .* cannot be used: .*${says.split(',')[0]}`),
        ),
      ]);
    });
  });

  test('has no room for a sync: it comes back by itself when there is some', async () => {
    await strikeCoordinator('fdatasync:error=ENOSPC', async ({ folder, victim, submitters }) => {
      await moreOf(submitters);
      // Those who submit are quicker than those who work; what piles up meanwhile would have to be done.
      await submitters.stop();
      await nextLife(folder, victim);
      expect(lastWords(folder, victim)).toEqual([expect.stringContaining('"exitCode":73')]);
      expect(supervisorLog(folder)).toContain('(exit code 73: disk full); it is restarted');
    });
  });

  test('has no room for a write: it goes on when there is some, in the same life', async () => {
    await strikeCoordinator('pwrite64:error=ENOSPC', async ({ folder, victim, submitters, injection }) => {
      const said = (text: string) => () => readFileSync(folder.nodeLog(victim.id), 'utf8').includes(text);
      await eventually('the shortage', said('"code":"DISK_FULL"'));
      await injection.lift();
      await eventually('the end of it', said('the disk has room again'));
      await moreOf(submitters);
      expect(findEndpoint(folder, victim.id)?.life).toBe(victim.life);
      expect(lastWords(folder, victim)).toEqual([]);
    });
  });

  test.each([1, 2, 5].map((nth) => ({ nth })))(
    'is where it is killed, at sync $nth of a thread',
    async ({ nth }) => {
      await strikeCoordinator(
        `fdatasync:signal=SIGKILL:when=${nth}`,
        async ({ folder, victim, submitters }) => {
          await nextLife(folder, victim);
          await moreOf(submitters);
        },
      );
    },
  );

  test('takes half a second for each sync', async () => {
    await strikeCoordinator('fdatasync:delay_enter=500000', async ({ submitters }) => {
      await moreOf(submitters);
    });
  });
});
