import {
  CancelMessageMoveTaskCommand,
  GetQueueAttributesCommand,
  ListMessageMoveTasksCommand,
  type SQSClient,
  StartMessageMoveTaskCommand,
} from "@aws-sdk/client-sqs";
import { AppError, toAppError } from "@devmesh/models";
import { type BreakerOptions, createBreaker } from "../breaker.ts";
import { toSqsError } from "./sqs-error.ts";

/** SQS's latest move of a dead-letter queue, back into the queue that it belongs to. */
export interface MessageMove {
  readonly status: "running" | "completed" | "cancelling" | "cancelled" | "failed";
  /** While it runs: names it for {@link MessageMoves.cancel}. */
  readonly handle: string | undefined;
  /** Approximate, as SQS says. */
  readonly moved: number;
  readonly toMove: number | undefined;
  readonly startedAt: Date;
  readonly failure: string | undefined;
}

/** SQS's own redrive of a whole dead-letter queue, where it has one: stand-ins lack it. */
export interface MessageMoves extends Disposable {
  /** The latest move; `none` where there was none yet, `unsupported` where the queue can't be moved so. */
  latest(): Promise<MessageMove | "none" | "unsupported">;
  /** Begins to move all messages; false where the queue can't be moved so. SQS takes at most 500 a second. */
  start(maxPerSecond: number): Promise<boolean>;
  cancel(handle: string): Promise<void>;
}

export interface MessageMovesOptions {
  readonly client: SQSClient;
  /** Looked up with each call. Undefined where there is no dead-letter queue. */
  readonly findDeadLetterUrl: () => Promise<string | undefined>;
  readonly breaker?: BreakerOptions;
}

/** SQS's limit of `MaxNumberOfMessagesPerSecond`. */
const maxMovedPerSecond = 500;
const callTimeoutMs = 5_000;

/** Moves by SQS itself; every call may fail as an AppError, as those of a queue do. */
export function messageMoves({ client, findDeadLetterUrl, breaker }: MessageMovesOptions): MessageMoves {
  const calls = createBreaker("sqs message move", breaker);
  let arn: string | undefined;

  function run<T>(operation: string, call: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    return calls.run(() =>
      call(AbortSignal.timeout(callTimeoutMs)).catch((error: unknown) => Promise.reject(toSqsError(error, operation))),
    );
  }

  async function findArn(): Promise<string | undefined> {
    const url = await findDeadLetterUrl();
    if (url === undefined) return undefined;
    const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["QueueArn"] });
    arn ??= (await run("sqs queue arn", (abortSignal) => client.send(command, { abortSignal }))).Attributes?.[
      "QueueArn"
    ];
    return arn;
  }

  return {
    latest: async () => {
      const SourceArn = await findArn();
      if (SourceArn === undefined) return "unsupported";
      const command = new ListMessageMoveTasksCommand({ SourceArn, MaxResults: 1 });
      const listed = await orUnsupported(
        run("sqs list message moves", (abortSignal) => client.send(command, { abortSignal })),
      );
      if (listed === "unsupported") return listed;
      const [latest] = listed.Results ?? [];
      return latest === undefined ? "none" : toMove(latest);
    },
    start: async (maxPerSecond) => {
      const SourceArn = await findArn();
      if (SourceArn === undefined) return false;
      const MaxNumberOfMessagesPerSecond = Math.min(maxMovedPerSecond, maxPerSecond);
      const command = new StartMessageMoveTaskCommand({ SourceArn, MaxNumberOfMessagesPerSecond });
      const started = await orUnsupported(
        run("sqs start message move", (abortSignal) => client.send(command, { abortSignal })),
      );
      return started !== "unsupported";
    },
    cancel: async (TaskHandle) => {
      const command = new CancelMessageMoveTaskCommand({ TaskHandle });
      // one that has just ended is answered as unknown
      await orUnsupported(run("sqs cancel message move", (abortSignal) => client.send(command, { abortSignal })));
    },
    [Symbol.dispose]: () => calls[Symbol.dispose](),
  };
}

/** What a queue refuses for good (UnsupportedOperation, InvalidAction, a policy) is no failure: there is another way. */
async function orUnsupported<T>(call: Promise<T>): Promise<T | "unsupported"> {
  try {
    return await call;
  } catch (caught) {
    const error = toAppError(caught);
    if (["invalid_argument", "not_found", "permission_denied"].includes(error.code)) return "unsupported";
    throw error;
  }
}

interface ListedMove {
  readonly TaskHandle?: string | undefined;
  readonly Status?: string | undefined;
  readonly ApproximateNumberOfMessagesMoved?: number | undefined;
  readonly ApproximateNumberOfMessagesToMove?: number | undefined;
  readonly FailureReason?: string | undefined;
  readonly StartedTimestamp?: number | undefined;
}

const statuses: Readonly<Record<string, MessageMove["status"]>> = {
  RUNNING: "running",
  COMPLETED: "completed",
  CANCELLING: "cancelling",
  CANCELLED: "cancelled",
  FAILED: "failed",
};

function toMove(listed: ListedMove): MessageMove {
  const status = statuses[listed.Status ?? ""];
  if (status === undefined) throw new AppError("unavailable", `sqs gave an unknown state of a move: ${listed.Status}`);
  return {
    status,
    handle: listed.TaskHandle,
    moved: listed.ApproximateNumberOfMessagesMoved ?? 0,
    toMove: listed.ApproximateNumberOfMessagesToMove,
    startedAt: new Date(listed.StartedTimestamp ?? 0),
    failure: listed.FailureReason,
  };
}
