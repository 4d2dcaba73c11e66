import { WebSocket } from "ws";

/**
 * A `ws` socket that tells before it closes over what it found to be wrong itself: a message past the limit (1009) or a
 * broken WebSocket frame (1002). `ws` sends its close frame first and its `error` event after it, which is too late for
 * an ERROR of ours. Its documented option `WebSocket` asks for a subclass.
 */
export class AgentSocket extends WebSocket {
  onTransportFault: ((code: 1002 | 1009) => void) | undefined;

  override close(code?: number, reason?: string | Buffer): void {
    const tell = this.onTransportFault;
    this.onTransportFault = undefined;
    if (tell !== undefined && this.readyState === WebSocket.OPEN && (code === 1002 || code === 1009)) tell(code);
    super.close(code, reason);
  }
}
