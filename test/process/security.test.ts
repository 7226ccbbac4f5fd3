import { createPrivateKey } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { isMissing } from '../../src/swarm/files.ts';
import { type Ended, eventually, openProject, type Project } from './harness.ts';

const AGENT = '---\nname: guest\ndescription: joins\ncapabilities: [testing]\n---\nBody\n';

async function ok(project: Pick<Project, 'run'>, args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await project.run(args);
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  return stdout.trim();
}

async function json<T>(project: Project, args: readonly string[]): Promise<T> {
  return JSON.parse(await ok(project, [...args, '--json'])) as T;
}

interface StatusJson {
  readonly coordinator: string;
  readonly term: number;
  readonly nodes: readonly { readonly id: string; readonly url: string; readonly role: string }[];
}

interface SecurityJson {
  readonly authorities: readonly { readonly fingerprint: string }[];
  readonly certificates: readonly {
    readonly id: string;
    readonly isRevoked: boolean;
    readonly fingerprint: string;
  }[];
}

interface AuditJson {
  readonly by: string;
  readonly kind: string;
  readonly subject: string;
  readonly detail: string;
}

/** What the audit log says of those who may get in. */
async function accessAudit(project: Project): Promise<readonly AuditJson[]> {
  const lines = (await ok(project, ['security', 'audit', '--json'])).split('\n');
  return lines
    .map((line) => JSON.parse(line) as AuditJson)
    .filter(({ kind }) => /^(token-issued|client-issued|joined|revoked|rotation)$/.test(kind));
}

/** The same project, and all that its commands say is kept; but not what prints a token because that is its purpose. */
function overheard(project: Project, said: string[]): Project {
  const keep = ([command, act]: readonly string[], ran: Ended): Ended => {
    const isForAToken = command === 'security' && act === 'token';
    said.push(isForAToken ? '' : ran.stdout, ran.stderr);
    return ran;
  };
  return {
    ...project,
    start(args, place) {
      const command = project.start(args, place);
      return { ...command, ended: command.ended.then((ran) => keep(args, ran)) };
    },
    run: async (args, place) => keep(args, await project.run(args, place)),
  };
}

/** Every file that a secret must not be in, and what it holds. */
function filesOutside(folder: string): readonly { readonly path: string; readonly text: string }[] {
  return namesIn(folder)
    .filter((name) => !/(^|\/)security\//.test(name) && !/(^|\/)token$/.test(name))
    .map((name) => join(folder, name))
    .map((path) => ({ path, text: plain(readFileSync(path)).toString('latin1') }));
}

/** A backup is a line, and what is compressed behind it. */
function plain(bytes: Buffer): Buffer {
  const behind = bytes.subarray(bytes.indexOf('\n') + 1);
  return behind[0] === 0x1f && behind[1] === 0x8b ? gunzipSync(behind) : bytes;
}

/** Of all files below `folder`. A swarm is at work in it: some go while this looks. */
function namesIn(folder: string, below = ''): readonly string[] {
  try {
    return readdirSync(join(folder, below), { withFileTypes: true }).flatMap((one) => {
      const name = join(below, one.name);
      return one.isDirectory() ? namesIn(folder, name) : [name];
    });
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** What must be found nowhere of the keys and tokens that lie in `folder` now. */
function secretsIn(folder: string): readonly string[] {
  const names = namesIn(folder);
  const read = (wanted: RegExp): readonly string[] =>
    names.filter((name) => wanted.test(name)).map((name) => readFileSync(join(folder, name), 'utf8').trim());
  return [...read(/\.key(\.next)?$/).flatMap(wordsOfKey), ...read(/(^|\/)token$/).flatMap(wordsOfToken)];
}

/** A key as it lies on the disk, line by line, and the number that it is, as one would print it. */
function wordsOfKey(pem: string): readonly string[] {
  const { d = '' } = createPrivateKey(pem).export({ format: 'jwk' });
  // Behind these two lines of a key on P-256 there is its public half alone, which certificates show.
  const lines = pem.split('\n').slice(1, 3);
  const number = Buffer.from(d, 'base64url');
  return [
    ...lines,
    d,
    number.toString('hex'),
    number.toString('base64').slice(0, 40),
    number.toString('latin1'),
  ];
}

/** A token, the beginning of it, and the secret that is said of it. */
function wordsOfToken(token: string): readonly string[] {
  const packed = token.startsWith('rmj1_') ? Buffer.from(token.slice(5), 'base64url').toString() : undefined;
  const parts = packed === undefined ? token.split(':') : (JSON.parse(packed) as string[]);
  return [token, token.slice(0, 60), parts.at(-1) ?? token];
}

test('a swarm under certificates: joined by token, rotated under load, a member revoked, and no secret anywhere', async () => {
  const said: string[] = [];
  const project = overheard(openProject(), said);
  const secrets = new Set<string>();
  const noteSecrets = (): void => {
    for (const secret of secretsIn(project.folder)) secrets.add(secret);
  };
  await ok(project, ['security', 'init']);
  await ok(project, ['up']);
  const before = await json<StatusJson>(project, ['status']);
  const [node] = before.nodes;
  expect(node?.url).toMatch(/^wss:/);

  // One joins with a token; the token is used up by that.
  const { token } = await json<{ token: string }>(project, ['security', 'token']);
  const guest = project.write('guest.md', AGENT);
  const elsewhere = ['--dir', join(project.folder, 'elsewhere')];
  const joining = ['agent', guest, '--join', node?.url ?? '', '--token', token, ...elsewhere];
  const agent = project.start(joining);
  const id = await eventually(
    'the guest to be up',
    () => /(guest\.\d+) is up at wss:/.exec(agent.stdout())?.[1],
  );
  const again = await project.run([...joining, '--name', 'second']);
  expect(again).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/used already/) });
  await eventually('the guest to learn', async () =>
    (await json<StatusJson>(project, ['status'])).nodes.some(
      (one) => one.id === id && one.role === 'learner',
    ),
  );

  // Started anew by the same command it is who it was, though the token is used up.
  agent.signal('SIGINT');
  await agent.ended;
  const returned = project.start(joining);
  await eventually('the guest to be back', () => returned.stdout().includes(`${id} is up at wss:`));

  // A client that may look may not do.
  const access = join(project.folder, 'access');
  await ok(project, ['security', 'client', 'ci', '--role', 'read', '--folder', access]);
  await ok(project, ['task', 'list', '--dir', access]);
  const refused = await project.run(['task', 'add', 'x', '--run', 'true', '--dir', access]);
  expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/takes the role work/) });

  // All keys are replaced while tasks are worked on.
  const tasks = Array.from({ length: 20 }, (_, at) => ({ id: `t${at}`, run: `echo ${at} >> done.txt` }));
  await ok(project, ['task', 'add', 't-first', '--run', 'true']);
  const old = await json<SecurityJson>(project, ['security', 'status']);
  noteSecrets();
  const rotating = project.run(['security', 'rotate', '--timeout', '60s']);
  for (const task of tasks) {
    await project.run(['task', 'add', task.id, '--run', task.run]);
    noteSecrets();
  }
  expect(await rotating).toMatchObject({ exitCode: 0 });
  await eventually('all tasks to be done', async () => {
    const list = await json<{ id: string; state: string }[]>(project, ['task', 'list']);
    return list.length === tasks.length + 1 && list.every(({ state }) => state === 'completed');
  });
  const after = await json<StatusJson>(project, ['status']);
  expect(after).toMatchObject({ coordinator: before.coordinator, term: before.term });
  noteSecrets();
  const now = await json<SecurityJson>(project, ['security', 'status']);
  expect(now.authorities.map(({ fingerprint }) => fingerprint)).not.toContain(
    old.authorities[0]?.fingerprint,
  );
  const shown = new Set(old.certificates.map(({ fingerprint }) => fingerprint));
  expect(now.certificates.filter(({ fingerprint }) => shown.has(fingerprint))).toEqual([]);
  expect(project.read('done.txt').trim().split('\n').sort()).toEqual(tasks.map((_, at) => `${at}`).sort());

  // One that is down is left behind by the next rotation, and comes back as who it was with another token.
  returned.signal('SIGINT');
  await returned.ended;
  await project.run(['security', 'rotate', '--without', id, '--timeout', '60s', '--json']);
  const anew = await json<{ token: string }>(project, ['security', 'token']);
  const rejoined = project.start(joining.map((word) => (word === token ? anew.token : word)));
  await eventually('the guest to be let in again', () => rejoined.stdout().includes(`${id} is up at wss:`));
  await eventually('the guest to be heard', async () =>
    (await json<StatusJson>(project, ['status'])).nodes.some(
      (one) => one.id === id && one.role === 'learner',
    ),
  );

  // Who is revoked is cut off, and can say nothing more.
  await ok(project, ['security', 'revoke', id]);
  const last = await json<StatusJson>(project, ['status']);
  expect(last.nodes.map((one) => one.id)).not.toContain(id);
  expect((await json<SecurityJson>(project, ['security', 'status'])).certificates).toContainEqual(
    expect.objectContaining({ id, isRevoked: true }),
  );
  // Its process learns it from the others, and ends with a word; so does the next one.
  const revoked = {
    exitCode: 77,
    stderr: expect.stringContaining(`${id} was revoked: no member lets it in`),
  };
  expect(await rejoined.ended).toMatchObject(revoked);
  expect(await project.run(joining)).toMatchObject(revoked);

  // A client may show a certificate instead of saying a token: for as long as it is known.
  const certified = join(project.folder, 'certified');
  const certify = ['security', 'client', 'probe', '--role', 'read', '--certificate', '--folder', certified];
  await ok(project, certify);
  await ok(project, ['task', 'list', '--dir', certified]);
  const kept = await project.run(['task', 'add', 'y', '--run', 'true', '--dir', certified]);
  expect(kept).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/takes the role work/) });
  await ok(project, ['security', 'revoke', 'client/probe']);
  const over = await project.run(['task', 'list', '--dir', certified]);
  expect(over).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/no client probe is known/) });

  // All of that is in the audit log: what commands did, and whom a member let in for a token.
  await ok(project, ['security', 'revoke', 'client/ci', '--why', 'it is over']);
  const by = expect.stringMatching(/^cli-\d+$/);
  const member = expect.stringMatching(/^raft-manager-/);
  expect(await accessAudit(project)).toMatchObject([
    { kind: 'token-issued', by, subject: expect.stringMatching(/^token [0-9a-f]{12}$/) },
    {
      kind: 'joined',
      by: member,
      subject: `member ${id}`,
      detail: expect.stringMatching(/^guest .* token [0-9a-f]{12}$/),
    },
    { kind: 'client-issued', by, subject: 'client ci', detail: expect.stringMatching(/as read until/) },
    { kind: 'rotation', by, subject: 'authority', detail: expect.stringContaining(' follows ') },
    { kind: 'rotation', by: member, subject: 'authority', detail: expect.stringContaining('signs alone') },
    { kind: 'rotation', by, subject: 'authority', detail: expect.stringContaining(`not waiting for ${id}`) },
    { kind: 'rotation', by: member, subject: 'authority', detail: expect.stringContaining('signs alone') },
    { kind: 'token-issued', by },
    { kind: 'joined', by: member, subject: `member ${id}` },
    { kind: 'revoked', by, subject: `member ${id}` },
    { kind: 'client-issued', by, subject: 'client probe', detail: expect.stringMatching(/by a certificate/) },
    { kind: 'revoked', by, subject: 'client probe' },
    { kind: 'revoked', by, subject: 'client ci', detail: 'it is over' },
  ]);
  expect(await json(project, ['security', 'audit', '--verify'])).toMatchObject({ kind: 'whole' });
  await project.run(['security', 'audit', '--json']);

  await project.run(['log', '--json']);
  await project.run(['security', 'status', '--json']);
  await project.run(['backup', join(project.folder, 'saved.backup')]);
  await ok(project, ['down']);
  await project.run(['agent', guest, '--join', node?.url ?? '', '--token', token.slice(0, -9), ...elsewhere]);
  await project.run(['doctor', '--json']);
  noteSecrets();
  for (const one of [token, anew.token]) for (const word of wordsOfToken(one)) secrets.add(word);
  // Two authorities that are gone, the one that is left, and three keys for each of four members.
  expect(secrets.size).toBeGreaterThan(50);
  expect(said.join('\n')).toContain('authority');
  const output = { path: 'what commands have said', text: said.join('\n') };
  for (const { path, text } of [...filesOutside(project.folder), output]) {
    for (const secret of secrets)
      expect(text.includes(secret), `${secret.slice(0, 12)}… in ${path}`).toBe(false);
  }
});

test('an instance of this machine that is revoked ends, and is not started again', async () => {
  const project = openProject();
  await ok(project, ['security', 'init']);
  await ok(project, ['up']);
  const { coordinator, nodes } = await json<StatusJson>(project, ['status']);
  const id = nodes.map((node) => node.id).find((one) => one !== coordinator) ?? '';
  await ok(project, ['security', 'revoke', id, '--keep-member']);
  const log = 'state/swarm/supervisor/supervisor.log';
  await eventually('the supervisor to leave it down', () => project.read(log).includes(`${id} stays down: `));
  expect(project.read(log)).toContain(`${id} was revoked`);
  await ok(project, ['task', 'add', 'afterwards', '--run', 'true']);
  await eventually('a task to be done by the others', async () =>
    (await json<{ state: string }[]>(project, ['task', 'list'])).every(({ state }) => state === 'completed'),
  );
  await ok(project, ['down']);
  // It knows without asking anybody, and the others come up without it.
  await ok(project, ['up']);
  const again = await json<StatusJson>(project, ['status']);
  expect(again.nodes.find((node) => node.id === id)?.role).toBe('down');
  expect(project.read(`state/swarm/nodes/${id}/node.log`).match(/"exitCode":77/g)).toHaveLength(2);
  await ok(project, ['down']);
});

test('keys that others may read are refused, with the command that mends it', async () => {
  const project = openProject();
  await ok(project, ['security', 'init']);
  await ok(project, ['up', '--agents', '1']);
  await ok(project, ['down']);
  const { chmodSync } = await import('node:fs');
  const key = join(project.state, 'swarm/security/nodes/raft-manager-1/node.key');
  chmodSync(key, 0o644);
  expect(await project.run(['up'])).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining(`run "chmod 600 ${key}"`),
  });
});
