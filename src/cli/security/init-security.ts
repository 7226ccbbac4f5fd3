import { existsSync } from 'node:fs';
import { SwarmError } from '../../protocol/errors.ts';
import { fingerprintOf } from '../../siblings/security-manager/authority.ts';
import { foundAuthority } from '../../siblings/security-manager/authority-folder.ts';
import { DAY_MS } from '../../siblings/security-manager/certificate-life.ts';
import { hasLiveNode } from '../../swarm/discovery.ts';
import { locateProject, prepareStateFolder, swarmFolder } from '../../swarm/layout.ts';
import { loadRoster } from '../../swarm/roster.ts';
import { isSecured } from '../../swarm/security-folder.ts';
import type { PlaceOptions } from '../options.ts';
import { printJson, printLine } from '../reach.ts';

export interface InitOptions extends PlaceOptions {
  readonly certificateDays: number;
  readonly json?: true;
}

/** Makes the authority of this project's swarm, before its first start or between two starts. */
export async function initSecurity({ certificateDays, dir, json }: InitOptions): Promise<void> {
  const project = locateProject(dir, process.env, process.cwd());
  const standing = swarmFolder(project.named ?? project.standing);
  const isFounded = existsSync(standing.roster);
  if (isFounded) {
    if (loadRoster(standing).seeds !== undefined) {
      throw new SwarmError(
        'BAD_INPUT',
        `${standing.root} joined a swarm that lives elsewhere; run this where that was made`,
      );
    }
    // Half of the instances would speak TLS, and the other half would not understand them.
    if (hasLiveNode(standing)) {
      throw new SwarmError(
        'ALREADY_RUNNING',
        `the swarm in ${standing.root} is up; run "raft-manager down" first, and "raft-manager up" afterwards`,
      );
    }
  } else prepareStateFolder(project.state);
  // Before there is a swarm, it waits beside the place where that will be.
  const folder = isFounded ? standing : swarmFolder(project.state);
  if (isSecured(folder)) {
    throw new SwarmError(
      'ALREADY_RUNNING',
      `${folder.security} has an authority already; "raft-manager security rotate" replaces it`,
    );
  }
  const authority = await foundAuthority(folder, new Date(), certificateDays * DAY_MS);
  const fingerprint = fingerprintOf(authority.certificate);
  if (json) return printJson({ fingerprint, folder: folder.security });
  printLine(`authority ${fingerprint}`);
  printLine(`its key is ${folder.security}/ca.key: keep a copy where nobody else gets at it`);
  printLine('the instances speak TLS from the next "raft-manager up" on');
}
