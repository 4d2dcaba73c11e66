-- Contexts: large objects in S3 that tasks refer to, with what is made of them in the background.
-- The column of task_body has a constant default and rewrites no table; the rest is new.

create table context (
  tenant_id uuid not null references tenant,
  id uuid not null,
  name text not null,
  media_type text not null,
  size bigint not null check (size > 0),
  sha256 bytea not null,
  state text not null default 'uploading' check (state in ('uploading', 'ready', 'expired')),
  metadata jsonb not null,
  -- of the object that was found when the upload was completed: what is read later must be that one
  etag text,
  summary_state text not null check (summary_state in ('none', 'pending', 'done', 'failed')),
  summary text,
  embedding_state text not null check (embedding_state in ('none', 'pending', 'done', 'failed')),
  -- those that it is found by, in the tenant's collection of kind contexts
  document_ids uuid[] not null default '{}',
  bytes_read bigint,
  error json,
  -- when summary and embedding are due to be made, or made again; null where nothing is
  digest_at timestamptz(3),
  -- counts claims: who finishes one says which
  digest_tries int not null default 0,
  -- until then an upload may still be under way, whatever has become of the context
  upload_until timestamptz(3) not null default now() + interval '24 hours',
  -- when something is due to be removed: the object, or in the end the row
  sweep_at timestamptz(3),
  removed_at timestamptz(3),
  expires_at timestamptz(3) not null,
  created_at timestamptz(3) not null default now(),
  ready_at timestamptz(3),
  deleted_at timestamptz(3)
) with (fillfactor = 80);
create index context_listed on context (tenant_id, created_at desc, id desc) where deleted_at is null;
create index context_live on context (tenant_id) include (size) where deleted_at is null and state <> 'expired';
create index context_digest on context (digest_at) where digest_at is not null;
create index context_sweep on context (sweep_at) where sweep_at is not null;
alter table context add primary key (id);

-- What a context is now: the sweep may be late.
create function context_standing(state text, upload_until timestamptz, expires_at timestamptz)
returns text language sql stable as $$
  select case
    when state = 'expired' or expires_at <= now() or (state = 'uploading' and upload_until <= now()) then 'expired'
    else state
  end
$$;

alter table task_body add column contexts uuid[] not null default '{}';

alter table context enable row level security;
create policy own_tenant on context to devmesh_app using (tenant_id = any ((select devmesh_tenants())::uuid[]));
create policy engine on context to devmesh_engine using (true);
grant select, insert, update, delete on context to devmesh_app, devmesh_engine;
