import { isId, type NodeId } from '../protocol/ids.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-/i;
/** With the place in the log that the swarm adds to it, it must be an id. */
const MAX_NAME_CHARS = 40;

/** What a session is called in the swarm: of a UUID, which nobody reads to its end, the beginning. */
export function sessionName(sessionId: string): NodeId {
  const plain = UUID.test(sessionId) ? sessionId.slice(0, 8) : sessionId.replace(/[^A-Za-z0-9._-]+/g, '-');
  const name = `mcp-${plain}`.slice(0, MAX_NAME_CHARS);
  return (isId(name) ? name : 'mcp') as NodeId;
}
