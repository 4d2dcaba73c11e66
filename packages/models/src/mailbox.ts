/** What a mailbox keeps for an agent besides the frames of its tasks: the protocol's page says so. */
export const maxMailboxFrames = 10_000;
/** The same in bytes of the frames' payloads as JSON: 64 MiB. */
export const maxMailboxBytes = 67_108_864;

/** How full a mailbox is, frames of tasks aside. */
export interface MailboxSize {
  readonly frames: number;
  readonly bytes: number;
}

/** The size with one frame more; undefined if it would be over a limit. */
export function addToMailbox({ frames, bytes }: MailboxSize, frameBytes: number): MailboxSize | undefined {
  if (frames + 1 > maxMailboxFrames || bytes + frameBytes > maxMailboxBytes) return undefined;
  return { frames: frames + 1, bytes: bytes + frameBytes };
}
