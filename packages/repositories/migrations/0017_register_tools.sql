-- External MCP servers that tenants register, their secrets, their tools as last seen, and the record of calls. All tables
-- are new: nothing is locked.

create table tool_server (
  tenant_id uuid not null references tenant,
  id uuid not null,
  name text not null,
  title text,
  -- how it is reached; a secret is named here, and kept in tool_secret
  transport json not null,
  timeout_ms int not null,
  max_concurrency int not null,
  scopes text[] not null,
  enabled boolean not null,
  -- goes up with each change of the columns above
  version int not null default 1,
  -- of the tools last seen, and of which version of the server they are
  tools_hash text,
  tools_version int,
  tool_count int not null default 0,
  tools_seen_at timestamptz(3),
  -- how the last look at it went
  check_state text check (check_state in ('healthy', 'unhealthy')),
  check_latency_ms int,
  check_error json,
  checked_at timestamptz(3),
  -- a process looks at it from then on; whoever does puts it off first, so that no other does
  check_due_at timestamptz(3) not null default now(),
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now()
) with (fillfactor = 70);
create unique index tool_server_name on tool_server (tenant_id, name);
create index tool_server_listed on tool_server (tenant_id, created_at desc, id desc);
create index tool_server_due on tool_server (check_due_at) where enabled;
alter table tool_server add primary key (id);

-- Values of variables and headers, by AES-256-GCM. What is sealed along: the tenant, the server and the name.
create table tool_secret (
  tenant_id uuid not null,
  server_id uuid not null references tool_server on delete cascade,
  -- of the variable or the header
  name text not null,
  key_id text not null,
  nonce bytea not null,
  ciphertext bytea not null,
  tag bytea not null,
  primary key (server_id, name)
);

-- What the servers said of their tools when they were last asked. Untrusted, all of it.
create table external_tool (
  tenant_id uuid not null,
  server_id uuid not null references tool_server on delete cascade,
  name text not null,
  -- under which it is called at the mesh: `server__tool`, or what had to be made of it
  call_name text not null,
  title text,
  description text,
  -- input and output schema, and annotations, as an ExternalTool has them
  shape json not null,
  -- of its name, its title and its description: what it is searched by
  words tsvector not null,
  primary key (server_id, name)
);
create unique index external_tool_call_name on external_tool (server_id, call_name);

-- Who called what, when, and how it ended: neither arguments nor results. Outlives the server, and is pruned by age and
-- by number.
create table tool_call (
  tenant_id uuid not null,
  id uuid not null,
  server_id uuid not null,
  tool text not null,
  principal_id uuid not null,
  door text not null check (door in ('rest', 'mcp')),
  outcome text not null,
  reason text,
  duration_ms int not null,
  argument_bytes int not null,
  -- of the canonical JSON, in hex: tells equal calls
  arguments_sha256 text check (arguments_sha256 ~ '^[0-9a-f]{64}$'),
  result_bytes int not null,
  task_id uuid,
  traceparent text,
  at timestamptz(3) not null default now()
);
create index tool_call_listed on tool_call (server_id, at desc, id desc);
create index tool_call_age on tool_call (at) include (id);
alter table tool_call add primary key (id);

do $$
declare name text;
begin
  foreach name in array array['tool_server', 'tool_secret', 'external_tool', 'tool_call'] loop
    execute format('alter table %I enable row level security', name);
    execute format('create policy own_tenant on %I to devmesh_app
      using (tenant_id = any ((select devmesh_tenants())::uuid[]))', name);
    execute format('create policy engine on %I to devmesh_engine using (true)', name);
    execute format('grant select, insert, update, delete on %I to devmesh_app, devmesh_engine', name);
  end loop;
end $$;
