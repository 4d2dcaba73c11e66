import type { NamedSecret, SealedSecret, TenantId, ToolServer, ToolServerId } from "@devmesh/models";

/** What is written of a server: its secrets apart. */
export type ServerTerms = Omit<ToolServer, "id" | "version" | "createdAt" | "updatedAt">;

/** Where registered servers are kept. `Key` is what makes a registration happen once. */
export interface ServerStore<Server extends ToolServer, Key> {
  /** @throws AppError `conflict` for a name that is taken; `failed_precondition` where the tenant has `max` already. */
  create(
    tenantId: TenantId,
    asked: {
      readonly id: ToolServerId;
      readonly server: ServerTerms;
      readonly secrets: readonly NamedSecret[];
      readonly max: number;
      readonly key?: Key | undefined;
    },
  ): Promise<{ readonly made: Server; readonly isReplay: boolean }>;
  /** Undefined where the server's version is not the one that was read any more. */
  update(
    tenantId: TenantId,
    id: ToolServerId,
    change: {
      readonly version: number;
      readonly server: ServerTerms;
      readonly secrets: readonly NamedSecret[];
      readonly kept: readonly string[];
    },
  ): Promise<Server | undefined>;
  find(tenantId: TenantId, id: ToolServerId): Promise<Server | undefined>;
  secrets(tenantId: TenantId, id: ToolServerId): Promise<readonly NamedSecret[]>;
}

/** Keeps a text so that it is read only in the place that it was sealed for. */
export interface SecretBox {
  /** @throws AppError `failed_precondition`, reason `no_secrets_key`, without a key. */
  seal(text: string, place: string): SealedSecret;
  /** @throws AppError as {@link SecretBox.seal}, and for what was sealed for another place. */
  open(sealed: SealedSecret, place: string): string;
}
