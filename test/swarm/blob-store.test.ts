import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { BlobStore, nameOf } from '../../src/swarm/blob-store.ts';

function ownFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'raft-manager-blobs-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'blobs');
}

const content = (text: string): Uint8Array => new TextEncoder().encode(text);
const HOUR_MS = 60 * 60 * 1000;

describe('contents beside the log', () => {
  test('are called by what they are, and are there after a restart', async () => {
    const folder = ownFolder();
    const name = await new BlobStore(folder).put(content('a turn'));
    expect(name).toEqual({
      sha256: '9c9ed91e5dc76b7b734243343ef5c013d57ce2f38ddbec5b5b663cab9cdfe7a4',
      bytes: 6,
    });
    expect(await new BlobStore(folder).get(name.sha256)).toEqual(content('a turn'));
  });

  test('that are the same are stored once, also when they come at once', async () => {
    const folder = ownFolder();
    const store = new BlobStore(folder);
    await Promise.all([store.put(content('x')), store.put(content('x')), store.put(content('y'))]);
    expect(readdirSync(folder).sort()).toEqual(
      [nameOf(content('x')), nameOf(content('y'))].map((n) => n.sha256).sort(),
    );
  });

  test('that have rotted on the disk are not given out, and are gone then (pitfall 24)', async () => {
    const folder = ownFolder();
    const store = new BlobStore(folder);
    const { sha256 } = await store.put(content('a turn'));
    writeFileSync(join(folder, sha256), 'a torn');
    expect(await store.get(sha256)).toBe(undefined);
    expect(existsSync(join(folder, sha256))).toBe(false);
    await store.put(content('a turn'));
    expect(await store.get(sha256)).toEqual(content('a turn'));
  });

  test.each(['../../token', 'ABCDEF', '', 'a'.repeat(63)])('are not asked for as %j', async (name) => {
    expect(await new BlobStore(ownFolder()).get(name)).toBe(undefined);
  });

  test('that are too large are refused', async () => {
    const store = new BlobStore(ownFolder());
    await expect(store.put(new Uint8Array(8 * 1024 * 1024 + 1))).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
  });

  test('half-written are removed with the next start', async () => {
    const folder = ownFolder();
    await new BlobStore(folder).put(content('x'));
    const draft = join(folder, `${nameOf(content('y')).sha256}.1.1.draft`);
    writeFileSync(draft, 'half');
    const again = new BlobStore(folder);
    expect([existsSync(draft), await again.get(nameOf(content('x')).sha256)]).toEqual([false, content('x')]);
  });
});

describe('sweeping', () => {
  test('removes what was named and is not any more, and leaves what nobody has named yet', async () => {
    const store = new BlobStore(ownFolder());
    const [one, two] = [await store.put(content('one')), await store.put(content('two'))];
    await store.sweep(new Set([one.sha256]));
    await store.sweep(new Set());
    expect([await store.get(one.sha256), await store.get(two.sha256)]).toEqual([undefined, content('two')]);
  });

  test('removes what was named for less than the time between two sweeps', async () => {
    const store = new BlobStore(ownFolder());
    const { sha256 } = await store.put(content('one'));
    store.noteNamed(sha256);
    await store.sweep(new Set());
    expect(await store.get(sha256)).toBe(undefined);
  });

  test('leaves what is to be named again', async () => {
    const store = new BlobStore(ownFolder());
    const { sha256 } = await store.put(content('one'));
    await store.sweep(new Set([sha256]));
    await store.put(content('one'));
    await store.sweep(new Set());
    expect(await store.get(sha256)).toEqual(content('one'));
  });

  test('removes what nobody has come to name for long, also from before a restart', async () => {
    const folder = ownFolder();
    const { sha256 } = await new BlobStore(folder).put(content('one'));
    const longAgo = (Date.now() - 2 * HOUR_MS) / 1000;
    utimesSync(join(folder, sha256), longAgo, longAgo);
    const store = new BlobStore(folder);
    const { sha256: young } = await store.put(content('two'));
    await store.sweep(new Set());
    expect([await store.get(sha256), await store.get(young)]).toEqual([undefined, content('two')]);
    await store.sweep(new Set(), Date.now() + 2 * HOUR_MS);
    expect(await store.get(young)).toBe(undefined);
  });
});
