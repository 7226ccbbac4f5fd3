import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { SwarmError } from '../../../src/protocol/errors.ts';
import { openUpdateStore, type UpdateStore } from '../../../src/siblings/crdt-synchronizer/update-store.ts';

let folder = '';
let drawn = 0;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'raft-manager-crdt-'));
  const made = folder;
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  drawn = 0;
});

async function open() {
  const found: string[] = [];
  const damage: SwarmError[] = [];
  const opened = await openUpdateStore({
    folder,
    draw: () => {
      drawn += 1;
      return { client: drawn, actor: `life-${drawn}` };
    },
    onUpdate: (name, update) => found.push(`${name}=${Buffer.from(update).toString('latin1')}`),
    onDamage: (error) => damage.push(error),
  });
  onTestFinished(() => opened.store.close());
  return { ...opened, found, damage };
}

const put = (store: UpdateStore, ...values: readonly string[]): Promise<void> => {
  for (const value of values) store.append('doc', Buffer.from(value));
  return new Promise((resolve, reject) => {
    store.settle((failure) => (failure === undefined ? resolve() : reject(failure)));
  });
};

const files = (): readonly string[] => readdirSync(folder).sort();
const lastLog = (): string =>
  join(
    folder,
    files()
      .filter((name) => name.endsWith('.log'))
      .at(-1) ?? '',
  );

describe('what is settled', () => {
  test('is there at the next start, whichever way this one ends', async () => {
    const first = await open();
    await put(first.store, 'a', 'b');
    // Not closed: as if it was killed.
    const second = await open();
    expect(second.found).toEqual(['doc=a', 'doc=b']);
    await put(second.store, 'c');
    await second.store.close();
    expect((await open()).found).toEqual(['doc=a', 'doc=b', 'doc=c']);
  });

  test('is there after it was written anew as one state, with what came meanwhile', async () => {
    const { store } = await open();
    await put(store, 'a', 'b');
    function* states(): Generator<readonly [string, Uint8Array]> {
      yield ['doc', Buffer.from('ab')];
      store.append('doc', Buffer.from('c'));
      yield ['other', Buffer.from('x')];
    }
    await store.compact(states());
    await put(store, 'd');
    expect((await open()).found).toEqual(['doc=ab', 'other=x', 'doc=c', 'doc=d']);
    expect(files()).toEqual(['00000002.log', '00000002.state']);
  });

  test('survives a crash at every moment of being written anew', async () => {
    const { store } = await open();
    await put(store, 'a');
    const image = new Map<string, readonly (readonly [string, Buffer])[]>();
    function* states(): Generator<readonly [string, Uint8Array]> {
      yield ['doc', Buffer.from('a')];
      // The draft is half there.
      image.set(
        'amid',
        files().map((name) => [name, readFileSync(join(folder, name))] as const),
      );
    }
    await store.compact(states());
    for (const name of files()) rmSync(join(folder, name));
    for (const [name, bytes] of image.get('amid') ?? []) writeFileSync(join(folder, name), bytes);
    expect(files()).toContain('00000002.state.draft');
    const { damage, found } = await open();
    expect(found).toEqual(['doc=a']);
    expect(damage).toEqual([]);
    expect(files()).not.toContain('00000002.state.draft');
  });
});

describe('a life', () => {
  test('is gone on with when it ended in order, and only then', async () => {
    const first = await open();
    await put(first.store, 'a');
    await first.store.close();
    const second = await open();
    expect(second.life).toEqual(first.life);
    await put(second.store, 'b');
    // Killed: what it has said to others may be more than is here.
    const third = await open();
    expect(third.life).not.toEqual(second.life);
  });

  test('is not gone on with after it was given up', async () => {
    const first = await open();
    await put(first.store, 'a');
    first.store.abandonLife();
    await first.store.close();
    expect((await open()).life).not.toEqual(first.life);
  });
});

describe('a log', () => {
  test('that is cut anywhere in its last record is read up to there, without a word', async () => {
    const { store } = await open();
    await put(store, 'a');
    const whole = statSync(lastLog()).size;
    await put(store, 'bbbb');
    const bytes = readFileSync(lastLog());
    for (let length = whole; length < bytes.length; length += 1) {
      writeFileSync(lastLog(), bytes);
      truncateSync(lastLog(), length);
      const { damage, found } = await open();
      expect(found, `cut at ${length}`).toEqual(['doc=a']);
      expect(damage).toEqual([]);
    }
  });

  test('of which any byte has rotted is read up to there, named, and kept aside', async () => {
    const { store } = await open();
    await put(store, 'a');
    const lastRecord = statSync(lastLog()).size;
    await put(store, 'b');
    const name = lastLog();
    const bytes = readFileSync(name);
    for (let at = 0; at < bytes.length; at += 1) {
      for (const left of files()) rmSync(join(folder, left));
      const rotten = Buffer.from(bytes);
      rotten[at] = (rotten[at] ?? 0) ^ 0x40;
      writeFileSync(name, rotten);
      const { damage, found, life } = await open();
      expect(['doc=a', 'doc=b'].slice(0, found.length), `at ${at}`).toEqual(found);
      expect(found.length).toBeLessThan(2);
      const kept = files().filter((one) => one.endsWith('.damaged'));
      expect(damage.map(({ message }) => message.includes('asked for the rest'))).toEqual(
        kept.map(() => true),
      );
      // In the last record a length that points beyond the end is that of a write that was cut off; all else is named.
      expect(kept.length, `at ${at}`).toBeGreaterThanOrEqual(at < lastRecord ? 1 : 0);
      expect(life.client).toBeGreaterThan(1);
    }
  });

  test('that holds what makes no sense is read to its end, named, and kept aside', async () => {
    const { store } = await open();
    await put(store, 'a', 'nonsense', 'b');
    const found: string[] = [];
    const damage: SwarmError[] = [];
    const opened = await openUpdateStore({
      folder,
      draw: () => ({ client: 99, actor: 'life-99' }),
      onUpdate: (_, update) => {
        const text = Buffer.from(update).toString();
        if (text === 'nonsense') throw new SwarmError('MALFORMED', 'it makes no sense');
        found.push(text);
      },
      onDamage: (error) => damage.push(error),
    });
    onTestFinished(() => opened.store.close());
    expect(found).toEqual(['a', 'b']);
    expect(damage.map(({ message }) => message)).toEqual([expect.stringContaining('it makes no sense')]);
    expect(files().filter((name) => name.endsWith('.damaged')).length).toBe(1);
  });

  test('that cannot be read is named and kept aside, and those beside it are read', async () => {
    await put((await open()).store, 'a');
    const unreadable = lastLog();
    await put((await open()).store, 'b');
    rmSync(unreadable);
    // As root everything else can be read.
    mkdirSync(unreadable);
    const { damage, found } = await open();
    expect(found).toEqual(['doc=b']);
    expect(damage.map(({ message }) => message)).toEqual([expect.stringContaining('EISDIR')]);
  });

  test('that cannot be written says so to everybody from then on', async () => {
    const { store } = await open();
    await put(store, 'a');
    rmSync(folder, { recursive: true });
    await expect(store.compact([])).rejects.toMatchObject({ code: 'DISK_FAILED' });
    await expect(put(store, 'b')).rejects.toMatchObject({ code: 'DISK_FAILED' });
  });
});
