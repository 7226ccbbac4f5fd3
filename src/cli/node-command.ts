import { fileURLToPath } from 'node:url';

/** Program and arguments that run this command line again in another process. */
export const RAFT_MANAGER: readonly string[] = [
  process.execPath,
  fileURLToPath(new URL('./main.js', import.meta.url)),
];

/** The same for one instance of a swarm; its folder and id follow. */
export const NODE_COMMAND: readonly string[] = [...RAFT_MANAGER, 'node'];
