import { hostname } from 'node:os';
import { z } from 'zod';

/** Where a session of the client is kept: on one machine, for one folder and one user's settings. */
const schema = z.object({
  executor: z.literal('claude-code'),
  sessionId: z.uuid(),
  host: z.string(),
  cwd: z.string(),
  /** Of the client's settings; the default place when empty. */
  configFolder: z.string(),
});

type SavedSession = Readonly<z.output<typeof schema>>;
type Place = Pick<SavedSession, 'cwd' | 'configFolder'>;

/** What the next attempt needs to go on with the session. */
export function encodeSession(sessionId: string, place: Place): Uint8Array {
  const saved: SavedSession = { executor: 'claude-code', sessionId, host: hostname(), ...place };
  return new TextEncoder().encode(JSON.stringify(saved));
}

/** The session that an earlier attempt left, if it can be gone on with here. */
export function decodeSession(state: Uint8Array, place: Place): string | undefined {
  const { data } = schema.safeParse(parse(new TextDecoder().decode(state)));
  const isHere =
    data?.host === hostname() && data.cwd === place.cwd && data.configFolder === place.configFolder;
  return isHere ? data.sessionId : undefined;
}

/** Another executor keeps other things there. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
