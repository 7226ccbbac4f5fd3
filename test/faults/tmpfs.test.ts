import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { NodeId } from '../../src/protocol/ids.ts';
import { openUpdateStore, type UpdateStore } from '../../src/siblings/crdt-synchronizer/update-store.ts';
import { openWal } from '../../src/storage/wal.ts';
import { findEndpoint } from '../../src/swarm/endpoint.ts';
import type { SwarmFolder } from '../../src/swarm/layout.ts';
import { loadRoster } from '../../src/swarm/roster.ts';
import { allGone, eventually, openProject, type Project } from '../process/harness.ts';
import { bringUp, expectAcknowledged, submitTo } from '../process/submissions.ts';
import { entries, OWNER, startWriter } from '../storage/log-writes.ts';

const MIB = 1024 * 1024;

/** Mounts a small disk for the current test. */
function mountAt(folder: string, options: string): void {
  mkdirSync(folder, { recursive: true });
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`cannot mount: ${stderr}`);
  onTestFinished(() => {
    spawnSync('umount', ['-l', folder]);
  });
}

const mayMount = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;
if (!mayMount) {
  process.stderr.write(
    'test:faults: mounting is not permitted here, so full and read-only file systems are NOT tested; run it as root (in a container: --privileged)\n',
  );
}

/** Leaves `freeBytes` of the disk. */
function fill(folder: string, freeBytes: number): string {
  const path = join(folder, 'filler');
  const { bavail, bsize } = statfsSync(folder);
  writeFileSync(path, Buffer.alloc(Math.max(0, bavail * bsize - freeBytes)));
  return path;
}

const pidsOf = (folder: SwarmFolder): readonly (number | undefined)[] =>
  loadRoster(folder).nodes.map(({ id }) => findEndpoint(folder, id as NodeId)?.pid);

const isUp = async (project: Project): Promise<unknown> => {
  const { stdout } = await project.run(['status', '--json']);
  return (JSON.parse(stdout) as { readonly quorum: unknown }).quorum;
};

describe.runIf(mayMount)('a small disk', () => {
  test.each([
    { why: 'the reserve is touched', left: MIB },
    { why: 'not one byte is left', left: 0 },
  ])(
    'under a swarm: commands are refused, reads answered, and all goes on when there is room: $why',
    async ({ left }) => {
      const project = openProject();
      mountAt(project.state, 'size=32m');
      const folder = await bringUp(project);
      const submitters = submitTo(folder);
      await eventually('the first acknowledgements', () => submitters.acknowledged.length >= 10);
      const filler = fill(project.state, left);
      const logs = (): string[] =>
        loadRoster(folder).nodes.map(({ id }) => readFileSync(folder.nodeLog(id as NodeId), 'utf8'));
      await eventually('a refusal', async () => {
        const { exitCode, stderr } = await project.run(['task', 'add', '--run', 'true', '--timeout', '1s']);
        return exitCode === 1 && stderr.includes('[DISK_FULL]');
      });
      const pids = pidsOf(folder);
      expect(await isUp(project)).toBe(true);
      expect(await project.run(['task', 'list', '--json'])).toMatchObject({ exitCode: 0 });
      rmSync(filler);
      const before = submitters.acknowledged.length;
      await eventually('more acknowledgements', () => submitters.acknowledged.length >= before + 10);
      expect(pidsOf(folder)).toEqual(pids);
      expect(logs().filter((text) => text.includes('"exitCode"'))).toEqual([]);
      await submitters.stop();
      await expectAcknowledged(project, submitters);
    },
  );

  test.each([48, 64, 80, 96])(
    'with room for half of a swarm (%i KiB): the command says so, and ends',
    async (kib) => {
      const project = openProject();
      mountAt(project.state, `size=${kib}k`);
      const { exitCode, stderr } = await project.run(['up']);
      expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining('[DISK_FULL]') });
      await allGone(project);
    },
  );

  test('that is full when a swarm is founded is told by the command', async () => {
    const project = openProject();
    mountAt(project.state, 'size=1m');
    fill(project.state, 0);
    expect(await project.run(['up', '--json'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/^raft-manager: [^\n]*ENOSPC: no space left on device[^\n]*\n$/),
    });
  });
});

describe.runIf(mayMount)('a small disk under shared documents', () => {
  const openDocuments = async (folder: string) => {
    const found: string[] = [];
    const { store } = await openUpdateStore({
      folder,
      draw: () => ({ client: 1, actor: 'n1:1' }),
      onUpdate: (name, update) => found.push(`${name}: ${update.length}`),
      onDamage: (error) => found.push(error.message),
    });
    onTestFinished(() => store.close());
    return { store, found };
  };
  const put = (store: UpdateStore, name: string, bytes: number): Promise<string> => {
    store.append(name, new Uint8Array(bytes));
    return new Promise((resolve) => store.settle((failure) => resolve(failure?.code ?? 'written')));
  };

  test('refuses changes while it is full, and takes them when there is room, with all that was there before', async () => {
    const project = openProject();
    mountAt(project.state, 'size=1m');
    const folder = join(project.state, 'crdt');
    const { store } = await openDocuments(folder);
    expect(await put(store, 'before', 1_000)).toBe('written');
    const filler = fill(project.state, 20_000);
    expect(await put(store, 'large', 100_000)).toBe('DISK_FULL');
    expect(await put(store, 'small', 10)).toBe('DISK_FULL');
    const states = [
      ['before', new Uint8Array(1_000)],
      ['large', new Uint8Array(100_000)],
    ] as const;
    await store.mend(states);
    expect(store.failure?.code).toBe('DISK_FULL');
    rmSync(filler);
    await store.mend(states);
    expect(store.failure).toBeUndefined();
    expect(await put(store, 'after', 10)).toBe('written');
    // As it is found after a crash.
    expect((await openDocuments(folder)).found).toEqual(['before: 1000', 'large: 100000', 'after: 10']);
  });
});

describe.runIf(mayMount)('a read-only file system', () => {
  test('is told for what it is, and nothing is changed', async () => {
    const project = openProject();
    mountAt(project.state, 'size=8m');
    const folder = join(project.state, 'wal');
    const writer = startWriter(await openWal({ folder, ...OWNER }));
    await writer.write({ entries: entries(1, 3) });
    await writer.storage.close();
    expect(spawnSync('mount', ['-o', 'remount,ro', project.state]).status).toBe(0);
    await expect(openWal({ folder, ...OWNER })).rejects.toMatchObject({
      code: 'DISK_FAILED',
      message: expect.stringMatching(/EROFS: read-only file system.* mount it for writing/),
    });
    expect(await project.run(['up', '--json'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/^raft-manager: [^\n]*EROFS: read-only file system[^\n]*\n$/),
    });
  });
});

describe.runIf(mayMount)('a swarm whose file system has become read-only', () => {
  test('is not started, and what can be read still is', async () => {
    const project = openProject();
    mountAt(project.state, 'size=64m,mode=700');
    await bringUp(project);
    await project.run(['down']);
    expect(spawnSync('mount', ['-o', 'remount,ro', project.state]).status).toBe(0);
    expect(await project.run(['up'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/the file system is read-only; mount it for writing/),
    });
    const { exitCode, stdout } = await project.run(['doctor']);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(
      /^WRONG read-only: .*\n.*mount it for writing.*\n.*instances: 3; wrong: 1, notes: 0\n$/,
    );
    expect(await project.run(['log', '--raw', 'raft-manager-1'])).toMatchObject({ exitCode: 0 });
  });
});

describe.runIf(process.getuid?.() === 0)('a folder of somebody else', () => {
  test('is told for what it is', async () => {
    const project = openProject();
    const folder = join(project.folder, 'wal');
    await (await openWal({ folder, ...OWNER })).close();
    const script = `
      import { openWal } from ${JSON.stringify(join(import.meta.dirname, '../../dist/storage/wal.js'))};
      openWal({ folder: ${JSON.stringify(folder)}, clusterId: 'cluster-a', nodeId: 'n1' }).catch(({ code, message }) => {
        console.log(code + ' ' + message);
      });`;
    // Its own folder may be passed through by everybody; the log itself is 0700.
    spawnSync('chmod', ['755', project.folder]);
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      uid: 65_534,
      gid: 65_534,
      cwd: '/',
    });
    expect(stdout).toMatch(/^DISK_FAILED .*EACCES: permission denied.*chown/);
  });
});
