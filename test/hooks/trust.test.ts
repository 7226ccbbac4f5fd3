import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type HookSource, TrustStore, trustFolder } from '../../src/hooks/trust.ts';
import { lockFolder } from '../../src/storage/folder-lock.ts';
import { ownFolder } from '../shell/playground.ts';

/** An agent file with its hash, as the loader gives them. */
function agentFile(folder: string, name: string, content: string): HookSource {
  const path = join(folder, name);
  writeFileSync(path, content);
  return { path, sha256: createHash('sha256').update(content).digest('hex') };
}

/** A store that is not there yet, and an agent file. */
function lab() {
  const root = ownFolder();
  const folder = join(root, 'state', 'raft-manager');
  const source = agentFile(root, 'agent.md', 'first');
  return { root, folder, source, file: join(folder, 'trust.json'), store: new TrustStore(folder) };
}

describe('a decision', () => {
  test('is asked for until it is made', () => {
    const { store, source } = lab();
    expect(store.check(source)).toBe('unknown');
    expect(store.list()).toEqual([]);
  });

  test('holds for the file as it was, in every process', async () => {
    const { root, folder, source, store } = lab();
    await store.allow(source);
    expect(store.check(source)).toBe('allowed');
    expect(new TrustStore(folder).check(source)).toBe('allowed');
    const edited = agentFile(root, 'agent.md', 'second');
    expect(store.check(edited)).toBe('changed');
    await store.allow(edited);
    expect(store.check(edited)).toBe('allowed');
    expect(store.check(source)).toBe('changed');
  });

  test('may be no, and may be taken back', async () => {
    const { root, source, store } = lab();
    await store.deny(source);
    expect(store.check(source)).toBe('denied');
    expect(store.check(agentFile(root, 'agent.md', 'second'))).toBe('changed');
    await store.allow(source);
    expect(store.check(source)).toBe('allowed');
    await store.deny(source);
    expect(store.check(source)).toBe('denied');
    expect(store.list()).toEqual([
      { path: source.path, sha256: source.sha256, decision: 'denied', decidedAt: expect.any(String) },
    ]);
  });

  test('is not for another file with the same content', async () => {
    const { root, source, store } = lab();
    await store.allow(source);
    expect(store.check(agentFile(root, 'other.md', 'first'))).toBe('unknown');
  });

  test('is for the file that a link leads to', async () => {
    const { root, source, store } = lab();
    const link = { path: join(root, 'link.md'), sha256: source.sha256 };
    symlinkSync(source.path, link.path);
    await store.allow(link);
    expect(store.check(source)).toBe('allowed');
    expect(store.list().map(({ path }) => path)).toEqual([source.path]);
  });

  test('does not follow a link that leads elsewhere later', async () => {
    const { root, source, store } = lab();
    await store.allow(source);
    const other = agentFile(root, 'other.md', 'evil');
    const link = join(root, 'link.md');
    symlinkSync(other.path, link);
    expect(store.check({ path: link, sha256: other.sha256 })).toBe('unknown');
  });

  test('is not needed for what this package ships, to the byte, but may be no', async () => {
    const { folder, root, source } = lab();
    const store = new TrustStore(folder, [source.sha256]);
    expect(store.check(source)).toBe('packaged');
    expect(store.check(agentFile(root, 'copy.md', 'first'))).toBe('packaged');
    expect(store.check(agentFile(root, 'agent.md', 'edited'))).toBe('unknown');
    await store.deny(source);
    expect(store.check(source)).toBe('denied');
  });

  test('is said to be lost when it cannot be kept, and why', async () => {
    const { root, source } = lab();
    // No folder can be made below a file, whoever asks: root may write everywhere else.
    const store = new TrustStore(join(source.path, 'state'));
    await expect(store.allow(source)).rejects.toMatchObject({
      code: 'DISK_FAILED',
      message: expect.stringMatching(/nothing was decided.*ENOTDIR.*RAFT_MANAGER_TRUST_DIR/),
      details: { folder: join(root, 'agent.md', 'state') },
    });
  });

  test('cannot be made about a file that is not there', async () => {
    const { root, store } = lab();
    const gone = { path: join(root, 'gone.md'), sha256: '0'.repeat(64) };
    await expect(store.allow(gone)).rejects.toMatchObject({ code: 'BAD_INPUT' });
    expect(() => store.check(gone)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' }));
  });
});

describe('the list of decisions', () => {
  test('is private', async () => {
    const { file, folder, source, store } = lab();
    const before = process.umask(0);
    await store.allow(source).finally(() => process.umask(before));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, '..')).mode & 0o777).toBe(0o700);
  });

  test('is private though a draft that everybody may read was left behind', async () => {
    const { file, folder, source, store } = lab();
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(`${file}.draft`, 'half a list');
    chmodSync(`${file}.draft`, 0o666);
    await store.allow(source);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(store.check(source)).toBe('allowed');
  });

  test.each([
    { why: 'others may write the file', spoil: (file: string) => chmodSync(file, 0o606) },
    { why: 'its group may write the file', spoil: (file: string) => chmodSync(file, 0o660) },
    { why: 'others may write to its folder', spoil: (file: string) => chmodSync(join(file, '..'), 0o777) },
    {
      why: 'the file is cut short',
      spoil: (file: string) => writeFileSync(file, readFileSync(file, 'utf8').slice(0, 50)),
    },
    { why: 'the file is empty', spoil: (file: string) => writeFileSync(file, '') },
    {
      why: 'the file is of another format',
      spoil: (file: string) => writeFileSync(file, '{"format":2,"files":{}}'),
    },
    {
      why: 'the file says something we do not know',
      spoil: (file: string) => writeFileSync(file, '{"format":1,"files":{},"allowAll":true}'),
    },
    {
      why: 'a decision is neither yes nor no',
      spoil: (file: string) =>
        writeFileSync(file, readFileSync(file, 'utf8').replace('"allowed"', '"maybe"')),
    },
  ])('counts for nothing, and is not overwritten, when $why', async ({ spoil }) => {
    const { file, source, store } = lab();
    await store.allow(source);
    spoil(file);
    const spoilt = readFileSync(file, 'utf8');
    const refused = { code: 'DATA_DAMAGED', message: expect.stringMatching(/trust\.json|raft-manager/) };
    expect(() => store.check(source)).toThrow(expect.objectContaining(refused));
    expect(() => store.list()).toThrow(expect.objectContaining(refused));
    await expect(store.allow(source)).rejects.toMatchObject(refused);
    expect(readFileSync(file, 'utf8')).toBe(spoilt);
  });

  test('counts for nothing when it is a folder', () => {
    const { file, source, store } = lab();
    mkdirSync(file, { recursive: true, mode: 0o700 });
    expect(() => store.check(source)).toThrow(expect.objectContaining({ code: 'DATA_DAMAGED' }));
  });

  test('counts for nothing when it is of another user', async () => {
    const { file, source, store } = lab();
    await store.allow(source);
    const { uid } = statSync(file);
    // Only root can give files away; anybody else looks at their own with other eyes.
    if (uid === 0) chownSync(file, 12_345, 12_345);
    else vi.spyOn(process, 'getuid').mockReturnValue(uid + 1);
    expect(() => store.check(source)).toThrow(expect.objectContaining({ code: 'DATA_DAMAGED' }));
    vi.restoreAllMocks();
  });
});

describe('several processes', () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  async function decider(folder: string, sources: readonly HookSource[]): Promise<ChildProcess> {
    const file = fileURLToPath(new URL('./decider.ts', import.meta.url));
    const args = [folder, sources[0]?.sha256 ?? '', ...sources.map(({ path }) => path)];
    const child = spawn(process.execPath, ['--import', 'tsx', file, ...args], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    children.push(child);
    await once(child, 'message');
    return child;
  }

  test('that decide at once lose none of their words', async () => {
    const { folder, root, store } = lab();
    const shares = [0, 1, 2, 3].map((share) =>
      [0, 1, 2, 3, 4].map((at) => agentFile(root, `agent-${share}-${at}.md`, 'same')),
    );
    const deciders = await Promise.all(shares.map((sources) => decider(folder, sources)));
    const exits = deciders.map((child) => once(child, 'exit'));
    for (const child of deciders) child.send('begin');
    const own = agentFile(root, 'own.md', 'same');
    await store.allow(own);
    expect((await Promise.all(exits)).map(([code]) => code)).toEqual([0, 0, 0, 0]);
    expect(store.list()).toHaveLength(21);
    for (const source of [...shares.flat(), own]) expect(store.check(source)).toBe('allowed');
  });

  test('in one process two words at once are both kept', async () => {
    const { root, store, source } = lab();
    const other = agentFile(root, 'other.md', 'other');
    await Promise.all([store.allow(source), store.deny(other)]);
    expect([store.check(source), store.check(other)]).toEqual(['allowed', 'denied']);
  });

  test('one that was killed while it decided keeps nobody waiting', async () => {
    const { folder, source, store } = lab();
    await store.allow(source);
    const child = await decider(folder, [source]);
    const { pid = 0 } = child;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    // What it would have left: the lock of a process that is no more.
    const [lock = ''] = readdirSync(folder).filter((name) => name.startsWith('lock-'));
    writeFileSync(join(folder, lock), JSON.stringify({ pid, begun: 'whenever' }));
    await store.deny(source);
    expect(store.check(source)).toBe('denied');
  });

  test('a list that is in use for long is told of, with the process that holds it', async () => {
    const { folder, source, store } = lab();
    await store.allow(source);
    const unlock = lockFolder(folder);
    await expect(store.deny(source)).rejects.toMatchObject({
      code: 'DATA_LOCKED',
      message: expect.stringContaining(`process ${process.pid}`),
    });
    unlock();
    expect(store.check(source)).toBe('allowed');
  });
});

describe('where decisions are kept', () => {
  const home = userInfo().homedir;

  test.each([
    {
      why: 'where the user says',
      environment: { RAFT_MANAGER_TRUST_DIR: '/t', XDG_STATE_HOME: '/s', HOME: '/h' },
      folder: '/t',
    },
    {
      why: 'with the other state',
      environment: { XDG_STATE_HOME: '/s', HOME: '/h' },
      folder: '/s/raft-manager',
    },
    { why: 'at home', environment: { HOME: '/h' }, folder: '/h/.local/state/raft-manager' },
    {
      why: 'an empty word is none',
      environment: { RAFT_MANAGER_TRUST_DIR: '', XDG_STATE_HOME: '', HOME: '/h' },
      folder: '/h/.local/state/raft-manager',
    },
    {
      why: 'a relative state folder is no state folder',
      environment: { XDG_STATE_HOME: 'state', HOME: '/h' },
      folder: '/h/.local/state/raft-manager',
    },
    {
      why: 'an empty home is not the current folder',
      environment: { HOME: '' },
      folder: `${home}/.local/state/raft-manager`,
    },
    {
      why: 'a relative home neither',
      environment: { HOME: '.' },
      folder: `${home}/.local/state/raft-manager`,
    },
    { why: 'without any word', environment: {}, folder: `${home}/.local/state/raft-manager` },
  ])('$why', ({ environment, folder }) => {
    expect(trustFolder(environment)).toBe(folder);
  });

  test.each(['trust', './trust', '../trust', '~/trust'])(
    'not in %s, which a repository could bring',
    (named) => {
      expect(() => trustFolder({ RAFT_MANAGER_TRUST_DIR: named, HOME: '/h' })).toThrow(
        expect.objectContaining({ code: 'BAD_INPUT' }),
      );
    },
  );
});
