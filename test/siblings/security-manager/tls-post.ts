import type { Authority } from '../../../src/siblings/security-manager/authority.ts';
import { type GateView, judge } from '../../../src/siblings/security-manager/gate.ts';
import { readRecords } from '../../../src/siblings/security-manager/records.ts';
import type { KeyPair } from '../../../src/swarm/security-folder.ts';
import type { LinkSecurity } from '../../../src/transport/port.ts';
import type { JoinOptions } from '../../transport/ws-lab.ts';
import { certify, credentials, trustIn } from './pki.ts';

export const NO_RECORDS = readRecords([]);

/** What a node shows, and whom it believes; what is changed counts from then on. */
export interface Post {
  pair: KeyPair;
  trusted: readonly string[];
  revoked: readonly string[];
  records: GateView['records'];
}

/** What a member of cluster `test` needs to be dialled and to dial. */
export function securityOf(post: Post): Required<Pick<JoinOptions, 'security' | 'credentials'>> {
  const view = (): GateView => ({
    clusterId: 'test',
    localToken: 'secret',
    trust: trustIn(post.trusted, post.revoked),
    records: post.records,
  });
  const security: LinkSecurity = {
    get tls() {
      const ca = post.trusted.join('\n');
      return { certificate: `${post.pair.certificate}\n${ca}`, key: post.pair.key, ca };
    },
    judge: (claim) => judge(claim, view(), Date.now()),
  };
  return {
    security,
    credentials: () => credentials(post.pair, post.trusted, trustIn(post.trusted, post.revoked)),
  };
}

export async function postOf(by: Authority, name: string, changed: Partial<Post> = {}): Promise<Post> {
  const pair = await certify(by, { name });
  return { pair, trusted: [by.certificate], revoked: [], records: NO_RECORDS, ...changed };
}
