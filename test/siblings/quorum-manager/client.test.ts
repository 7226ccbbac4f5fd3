import { describe, expect, test } from 'vitest';
import { type ErrorCode, SwarmError } from '../../../src/protocol/errors.ts';
import { quorumManager } from '../../../src/siblings/quorum-manager/client.ts';
import { plan } from '../../../src/siblings/quorum-manager/plan.ts';
import { decodeRequest } from '../../../src/siblings/quorum-manager/requests.ts';
import { pack } from '../../../src/swarm/wire.ts';
import { leader, learner, policy, voter } from './members.ts';

const made = plan([leader('a'), voter('b'), learner('c')], policy());

/** Whoever is asked refuses with these, one after the other, and then answers. */
function askedWith(...refusals: readonly ErrorCode[]) {
  const asked: string[] = [];
  const ask = async (_kind: number, body: Uint8Array): Promise<Uint8Array> => {
    asked.push(decodeRequest(body).request.op);
    const code = refusals[asked.length - 1];
    if (code !== undefined) throw new SwarmError(code, 'the link to a closed before it answered');
    return pack({});
  };
  return { asked, manager: quorumManager({ ask }, { timeoutMs: 60_000 }) };
}

describe('a program that asks the quorum manager', () => {
  test.each(['NOT_LEADER', 'NO_QUORUM', 'NOT_RUNNING', 'OUTCOME_UNKNOWN'] as const)(
    'asks again for a plan, which changes nothing: %s',
    async (code) => {
      const { asked, manager } = askedWith(code);
      await manager.plan();
      expect(asked).toEqual(['plan', 'plan']);
    },
  );

  test.each(['NOT_LEADER', 'NO_QUORUM'] as const)(
    'asks again to carry it out when none of it was: %s',
    async (code) => {
      const { asked, manager } = askedWith(code);
      await manager.apply(made);
      expect(asked).toEqual(['apply', 'apply']);
    },
  );

  test.each(['OUTCOME_UNKNOWN', 'STALE_VERSION', 'UNSAFE_CHANGE', 'CHANGE_IN_FLIGHT'] as const)(
    'does not when some of it may have been: %s',
    async (code) => {
      const { asked, manager } = askedWith(code);
      await expect(manager.apply(made)).rejects.toMatchObject({ code });
      expect(asked).toEqual(['apply']);
    },
  );

  test('says where to look when whoever carried it out is lost', async () => {
    const { manager } = askedWith('OUTCOME_UNKNOWN');
    await expect(manager.apply(made)).rejects.toThrow(
      /closed before it answered\. See who votes now, .*quorum status/,
    );
  });

  test('plans anew, and has that carried out, where it has no plan', async () => {
    const asked: string[] = [];
    const ask = async (_kind: number, body: Uint8Array): Promise<Uint8Array> => {
      const { request } = decodeRequest(body);
      asked.push(request.op);
      return pack(request.op === 'plan' ? made : {});
    };
    await quorumManager({ ask }).apply();
    expect(asked).toEqual(['plan', 'apply']);
  });
});
