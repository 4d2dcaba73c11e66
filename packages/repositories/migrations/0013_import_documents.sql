-- Imports: many documents of one object in S3, line by line, into a collection. The table is new.
-- docs/search.md, Imports.

create table import_job (
  tenant_id uuid not null references tenant,
  id uuid not null,
  collection_id uuid not null,
  -- the object, and the very content of it that is imported
  key text not null,
  etag text not null,
  size bigint not null check (size >= 0),
  state text not null default 'queued' check (state in ('queued', 'running', 'completed', 'failed', 'cancelled')),
  cancel_asked boolean not null default false,
  -- how far it is: moved by the transaction that writes the documents
  byte_offset bigint not null default 0,
  lines bigint not null default 0,
  created bigint not null default 0,
  updated bigint not null default 0,
  unchanged bigint not null default 0,
  changed bigint not null default 0,
  failed bigint not null default 0,
  errors json not null default '[]',
  -- why it failed
  error json,
  -- the claim that works on it, and when another may take it over; null where nobody has had it
  lease_id uuid,
  due_at timestamptz(3),
  -- claims since it last got on
  tries int not null default 0,
  created_at timestamptz(3) not null default now(),
  started_at timestamptz(3),
  finished_at timestamptz(3)
) with (fillfactor = 50);
create index import_job_listed on import_job (tenant_id, collection_id, created_at desc, id desc);
create index import_job_open on import_job (due_at nulls first, created_at, id) where finished_at is null;
create index import_job_over on import_job (finished_at) where finished_at is not null;
alter table import_job add primary key (id);

alter table import_job enable row level security;
create policy own_tenant on import_job to devmesh_app using (tenant_id = any ((select devmesh_tenants())::uuid[]));
create policy engine on import_job to devmesh_engine using (true);
grant select, insert, update, delete on import_job to devmesh_app, devmesh_engine;
