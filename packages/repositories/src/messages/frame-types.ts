/** Types of the wire protocol's frames that this package writes to mailboxes: it does not import the protocol. */
export const frameTypes = { TASK_CANCEL: 0x0207, MESSAGE: 0x0303, EVENT: 0x0307 } as const;
