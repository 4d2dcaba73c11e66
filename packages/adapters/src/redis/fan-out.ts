import { AppError } from "@devmesh/models";

/** Carries short hints between processes. Nothing is stored: who isn't listening hears nothing. */
export interface FanOut extends AsyncDisposable {
  /** False when it was not handed over, because the carrier is away. It never rejects. */
  publish(channel: string, message: string): Promise<boolean>;
  /**
   * Calls `handler` for each message of `channel`, in order, until the answer is called. It outlives outages of the
   * carrier; what was published meanwhile is lost.
   */
  subscribe(channel: string, handler: (message: string) => void): Promise<() => Promise<void>>;
  readonly isReady: boolean;
}

/** For readiness. @throws AppError `unavailable` while the carrier is away. */
export function assertFanOutReady(fanOut: Pick<FanOut, "isReady">): void {
  if (!fanOut.isReady) throw new AppError("unavailable", "the fan-out is away");
}
