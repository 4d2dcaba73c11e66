import { ProtocolError, ProtocolErrorCode } from "@modelcontextprotocol/server";

/** An error of the protocol, as a task that failed shows it. */
export interface JsonRpcFailure {
  readonly code: number;
  readonly message: string;
}

const form = /^json-rpc error (-?\d{1,10}): ([\s\S]*)$/;

/** The words in which the ledger keeps an error of the protocol. What is none is told without details. */
export function writeJsonRpcFailure(error: unknown): string {
  const isKnown = error instanceof ProtocolError;
  const code = isKnown ? error.code : ProtocolErrorCode.InternalError;
  const message = isKnown ? error.message : "the tool failed";
  return `json-rpc error ${code}: ${message}`;
}

/** Reads them again. Any other words are those of the mesh: that a lease ended, or a deadline. */
export function readJsonRpcFailure(words: string): JsonRpcFailure {
  const [, code, message] = form.exec(words) ?? [];
  if (code === undefined || message === undefined) return { code: ProtocolErrorCode.InternalError, message: words };
  return { code: Number(code), message };
}
