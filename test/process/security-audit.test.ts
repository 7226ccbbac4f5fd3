import { expect, test } from 'vitest';
import { dialAs } from '../transport/stranger.ts';
import { allGone, eventually, openProject } from './harness.ts';

test('what strangers tried and operators did is told by the swarm, in a chain that can be checked', async () => {
  const project = openProject();
  await project.run(['up']);
  const { stdout } = await project.run(['status', '--json']);
  const [node] = JSON.parse(stdout).nodes as readonly { readonly id: string; readonly url: string }[];
  const { closed } = await dialAs(node?.url ?? '', '/client', '{"protocol":1,"token":"a guess"}');
  expect((await closed).code).toBe(4005);
  const audit = async (...more: readonly string[]) => await project.run(['security', 'audit', ...more]);
  await eventually('the record', async () => (await audit('--json')).stdout.includes('refused-hello'));
  expect(JSON.parse((await audit('--json')).stdout.split('\n')[0] ?? '')).toEqual({
    ...{ sequence: 1, at: expect.any(Number), by: node?.id, subject: 'address loopback', count: 1 },
    ...{ kind: 'refused-hello', detail: 'hello: kind is wrong', prev: '0'.repeat(64) },
  });
  expect(await audit('--quarantine', 'off')).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('off'),
  });
  const shown = await audit();
  expect(shown).toMatchObject({ exitCode: 0, stderr: '' });
  expect(shown.stdout).toMatch(/refused-hello +address loopback +1 +hello: kind is wrong/);
  expect(shown.stdout).toMatch(/cli-\d+ +policy +swarm/);
  expect(shown.stdout + (await audit('--json')).stdout).not.toContain('a guess');
  const verified = await audit('--verify', '--json');
  expect([verified.exitCode, JSON.parse(verified.stdout)]).toEqual([
    0,
    { kind: 'whole', records: 2, dropped: 0, head: expect.stringMatching(/^[0-9a-f]{64}$/) },
  ]);
  expect(await audit('--verify', '--follow')).toMatchObject({ exitCode: 2 });
  await project.run(['down']);
  await allGone(project);
});
