/**
 * Carries small messages to whoever listens now, in this process and in others. Hints only: nothing is kept, a lost
 * message is made good by a slow look at the database.
 */
export interface FanOut extends AsyncDisposable {
  /** Whether messages get through at present, as far as is known. */
  readonly isReady: boolean;
  /** Resolves to false where the message could not be handed over. Never rejects. */
  publish(channel: string, message: string): Promise<boolean>;
  /**
   * Hears a channel; the sender hears itself. Resolves when the listening has begun, to what ends it. A handler that
   * throws harms nobody else.
   */
  subscribe(channel: string, handler: (message: string) => void): Promise<() => Promise<void>>;
}
