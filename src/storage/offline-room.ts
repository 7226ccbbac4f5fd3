import { measureRoom, reserveOf } from './disk-room.ts';

/** Room on the disk of a folder, and with how much of it commands are refused. Undefined where the disk does not say. */
export async function roomAt(
  folder: string,
): Promise<{ readonly freeBytes: number; readonly reserveBytes: number } | undefined> {
  const room = await measureRoom(folder);
  if (room.totalBytes === 0) return undefined;
  return { freeBytes: room.freeBytes, reserveBytes: reserveOf(room) };
}
