-- Knowledge entries with their versions, links and uses, and the team of an API key. All tables are new; the new column
-- has no default and rewrites nothing.

-- Whom the key's holder works with: entries of access `team` are theirs.
alter table api_key add column team text;

-- What agents and people know. Found through a document of the tenant's collection of kind `knowledge`, whose external id
-- is the entry's.
create table knowledge_entry (
  tenant_id uuid not null references tenant,
  id uuid not null,
  title text not null,
  content text not null,
  category text,
  tags text[] not null,
  access text not null check (access in ('tenant', 'team', 'private')),
  team text,
  -- the key that made it
  owner_id uuid not null,
  version int not null default 1,
  -- the version whose document was written, and 0 where there is none: what differs is written by the worker
  synced_version int not null default 0,
  -- somebody writes the document until then
  claimed_until timestamptz(3),
  uses bigint not null default 0,
  last_used_at timestamptz(3),
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  -- gone for everybody; the row goes when its document is gone
  deleted_at timestamptz(3),
  check ((access = 'team') = (team is not null))
) with (fillfactor = 80);
create index knowledge_entry_listed on knowledge_entry (tenant_id, created_at desc, id desc) where deleted_at is null;
create index knowledge_entry_unsynced on knowledge_entry (updated_at)
  where version <> synced_version or deleted_at is not null;
alter table knowledge_entry add primary key (id);

-- Every version of an entry, the present one included.
create table knowledge_version (
  tenant_id uuid not null,
  entry_id uuid not null references knowledge_entry on delete cascade,
  version int not null,
  title text not null,
  content text not null,
  category text,
  tags text[] not null,
  access text not null,
  team text,
  -- the key that wrote it
  editor_id uuid not null,
  at timestamptz(3) not null default now(),
  primary key (entry_id, version)
);

-- Tasks and agents that entries are about, came from, or were of use to. No foreign key: an entry outlives both.
create table knowledge_link (
  tenant_id uuid not null,
  entry_id uuid not null references knowledge_entry on delete cascade,
  target text not null check (target in ('task', 'agent')),
  target_id uuid not null,
  relation text not null,
  at timestamptz(3) not null default now(),
  primary key (entry_id, target, target_id, relation)
);
create index knowledge_link_target on knowledge_link (target_id, entry_id);

do $$
declare name text;
begin
  foreach name in array array['knowledge_entry', 'knowledge_version', 'knowledge_link'] loop
    execute format('alter table %I enable row level security', name);
    execute format('create policy own_tenant on %I to devmesh_app
      using (tenant_id = any ((select devmesh_tenants())::uuid[]))', name);
    execute format('create policy engine on %I to devmesh_engine using (true)', name);
    execute format('grant select, insert, update, delete on %I to devmesh_app, devmesh_engine', name);
  end loop;
end $$;
