import { type AppError, toErrorBody } from "@devmesh/models";
import type { Logger, Metrics } from "@devmesh/observability";
import { type MessageName, messageNames } from "@devmesh/protocol";

/** Who an event is about, for the log. */
export interface ConnectionFields {
  readonly connectionId: string;
  readonly tenantId: string;
  readonly agentId?: string | undefined;
  readonly agentName?: string | undefined;
}

/** One helper an event of the sockets: the line of the log and the metric together. */
export interface Traffic {
  opened(fields: ConnectionFields): void;
  greeted(fields: ConnectionFields): void;
  closed(fields: ConnectionFields, code: number, reason: string): void;
  /** A frame, by its type; bytes are counted by message. */
  received(type: number): void;
  receivedBytes(bytes: number): void;
  sent(frames: number, bytes: number): void;
  /** A frame was answered with ERROR. */
  refused(fields: ConnectionFields, error: AppError, type?: number): void;
  upgradeRefused(error: AppError): void;
  slow(fields: ConnectionFields, isSlow: boolean): void;
}

export interface TrafficOptions {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly countConnections: () => number;
  readonly countInFlight: () => number;
}

/** Makes the metrics of the sockets; once per service. */
export function createTraffic({ logger, metrics, countConnections, countInFlight }: TrafficOptions): Traffic {
  metrics.gauge({ name: "devmesh_connections", help: "Open sockets of agents.", read: countConnections });
  metrics.gauge({ name: "devmesh_requests_in_flight", help: "Requests not yet answered.", read: countInFlight });
  const closes = metrics.counter({
    name: "devmesh_connections_closed_total",
    help: "Connections ended, by close code.",
    labels: ["code"],
  });
  const framesIn = metrics.counter({
    name: "devmesh_frames_received_total",
    help: "Frames from agents.",
    labels: ["type"],
  });
  const framesOut = metrics.counter({ name: "devmesh_frames_sent_total", help: "Frames to agents." });
  const bytesIn = metrics.counter({ name: "devmesh_socket_received_bytes_total", help: "Bytes of messages, as sent." });
  const bytesOut = metrics.counter({ name: "devmesh_socket_sent_bytes_total", help: "Bytes of messages, as sent." });
  const errors = metrics.counter({
    name: "devmesh_socket_errors_total",
    help: "Frames answered with ERROR, by code.",
    labels: ["code"],
  });
  const refusedUpgrades = metrics.counter({
    name: "devmesh_upgrades_refused_total",
    help: "Upgrades refused, by code.",
    labels: ["code"],
  });
  return {
    opened: (fields) => logger.debug(fields, "connection opened"),
    greeted: (fields) => logger.info(fields, "agent connected"),
    closed: (fields, code, reason) => {
      closes.inc({ code: String(code) });
      logger.info({ ...fields, code, reason }, "connection closed");
    },
    received: (type) => framesIn.inc({ type: nameOf(type) }),
    receivedBytes: (bytes) => bytesIn.inc(bytes),
    sent: (frames, bytes) => {
      framesOut.inc(frames);
      bytesOut.inc(bytes);
    },
    refused: (fields, error, type) => {
      errors.inc({ code: error.code });
      const level = error.code === "internal" ? "error" : "debug";
      const { code, reason } = toErrorBody(error);
      const err = error.code === "internal" ? error : undefined;
      logger[level](
        { ...fields, code, reason, type: type === undefined ? undefined : nameOf(type), err },
        "frame refused",
      );
    },
    upgradeRefused: (error) => {
      refusedUpgrades.inc({ code: error.code });
      const err = error.code === "internal" ? error : undefined;
      logger[err === undefined ? "debug" : "error"]({ code: error.code, reason: error.reason, err }, "upgrade refused");
    },
    slow: (fields, isSlow) => logger.info(fields, isSlow ? "agent reads too slowly" : "agent has caught up"),
  };
}

function nameOf(type: number): MessageName | "unknown" {
  return messageNames.get(type) ?? "unknown";
}
