import { AppError } from "@devmesh/models";
import { type FauxqsServer, startFauxqs } from "fauxqs";

/** SQS and S3 in this process. */
export interface AwsStandIn extends AsyncDisposable {
  readonly endpoint: string;
  readonly port: number;
}

/** Where it listens, and where it keeps what it holds. */
export interface AwsStandInOptions {
  /** 0 picks a free one. */
  readonly port: number;
  /** Queues and objects survive in it; left out, they go with the process. */
  readonly dataDir?: string | undefined;
}

const host = "127.0.0.1";

/** Stands in for SQS and S3 in this process. @throws AppError `failed_precondition` when the port can't be had. */
export async function startAwsStandIn({ port, dataDir }: AwsStandInOptions): Promise<AwsStandIn> {
  const server = await start(port, dataDir);
  let stopping: Promise<void> | undefined;
  return {
    endpoint: `http://${host}:${server.port}`,
    port: server.port,
    [Symbol.asyncDispose]: () => {
      stopping ??= server.stop();
      return stopping;
    },
  };
}

async function start(port: number, dataDir: string | undefined): Promise<FauxqsServer> {
  try {
    return await startFauxqs({ port, host, logger: false, ...(dataDir !== undefined && { dataDir }) });
  } catch (cause) {
    const isTaken = cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE";
    const message = isTaken ? "is in use" : "can't be listened on";
    throw new AppError("failed_precondition", `port ${port} ${message}: set DEVMESH_AWS_PORT to another port`, {
      cause,
    });
  }
}
