-- The whole first schema: tenants and keys, the registry, the task ledger, mailboxes and the outbox.
-- Locks nothing that is in use: every table is new. Shapes and their reasons: docs/data-model.md.
--
-- The ids of the hot tables are their keys, without tenant_id, and no index that a look-up by id could use instead
-- begins with it: a plan that was made while a table was empty, and is kept, must still be right when it has grown. For
-- an empty table a scan of all of a tenant's rows costs as much as the look-up of one. Between indexes that look equal
-- the planner takes the youngest: where there are several, the primary key is added last.

do $$ begin
  if not exists (select from pg_roles where rolname = 'devmesh_app') then create role devmesh_app nologin; end if;
  if not exists (select from pg_roles where rolname = 'devmesh_engine') then create role devmesh_engine nologin; end if;
exception when duplicate_object or unique_violation then null; -- another database of the cluster was quicker
end $$;
grant devmesh_app, devmesh_engine to current_user;

create extension if not exists vector;

-- The tenants that the running transaction may see, set once at its begin.
create function devmesh_tenants() returns uuid[] language sql stable as $$
  select string_to_array(nullif(current_setting('devmesh.tenants', true), ''), ',')::uuid[]
$$;

-- Why an agent can never take a task of these requirements; null where it fits. The same rule as models/matching.ts.
create function misfit(requirements jsonb, agent_id uuid, agent_name text, capabilities jsonb)
returns text language sql immutable as $$
  select case
    when requirements->>'agent' is not null
      and requirements->>'agent' <> agent_name and requirements->>'agent' <> agent_id::text then 'agent'
    when exists (
      select from jsonb_array_elements_text(requirements->'capabilities') as asked (name)
      where not exists (select from jsonb_array_elements(capabilities) as c where c->>'name' = asked.name)
    ) then 'capability'
    when exists (
      select from jsonb_array_elements(capabilities) as c
      where requirements->'capabilities' ? (c->>'name') and (c->>'level')::int < (requirements->>'minLevel')::int
    ) then 'level'
    when exists (
      select from jsonb_array_elements(capabilities) as c
      where requirements->'capabilities' ? (c->>'name') and not coalesce(c->'tags', '{}') @> (requirements->'tags')
    ) then 'tags'
    when requirements->'excludedAgentIds' ? agent_id::text then 'rejected'
  end
$$;

-- Sum of level − minLevel over the asked capabilities.
create function level_gap(requirements jsonb, capabilities jsonb) returns int language sql immutable as $$
  select coalesce(sum((c->>'level')::int - (requirements->>'minLevel')::int), 0)::int
  from jsonb_array_elements(capabilities) as c where requirements->'capabilities' ? (c->>'name')
$$;

-- Sum of the costs of the asked capabilities; null where one of them states none.
create function fit_cost(requirements jsonb, capabilities jsonb) returns bigint language sql immutable as $$
  select case when bool_and(c ? 'costMicroUsd') then sum((c->>'costMicroUsd')::bigint)::bigint end
  from jsonb_array_elements(capabilities) as c where requirements->'capabilities' ? (c->>'name')
$$;

create table tenant (
  id uuid primary key,
  name text not null unique,
  created_at timestamptz(3) not null default now()
);

create table api_key (
  tenant_id uuid not null references tenant,
  id uuid not null,
  kind text not null check (kind in ('pat', 'agt', 'svc')),
  name text not null,
  hash bytea not null unique,
  display text not null,
  scopes text[] not null,
  agent_name text,
  created_at timestamptz(3) not null default now(),
  expires_at timestamptz(3),
  revoked_at timestamptz(3),
  primary key (tenant_id, id)
);

-- A process that holds agents' connections. When its lease ends, its connections count as dropped.
create table node (
  id uuid primary key,
  started_at timestamptz(3) not null default now(),
  lease_until timestamptz(3) not null
);

create table agent (
  tenant_id uuid not null references tenant,
  id uuid not null,
  name text not null,
  kind text not null,
  capabilities jsonb not null,
  availability text not null default 'available',
  health text not null default 'healthy',
  admin text not null default 'active',
  load jsonb not null default '{}',
  metadata jsonb not null default '{}',
  delivery text not null default 'push' check (delivery in ('push', 'pull')),
  registered_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  deregistered_at timestamptz(3)
);
create unique index agent_name on agent (tenant_id, name) where deregistered_at is null;
create index agent_listed on agent (tenant_id, registered_at desc, id desc) where deregistered_at is null;
alter table agent add primary key (id, tenant_id);

-- The narrow row that assigning and every seq go through. No index on what changes: its updates stay in the page.
create table agent_slot (
  tenant_id uuid not null,
  agent_id uuid not null,
  in_flight int not null default 0 check (in_flight >= 0),
  max_concurrency int not null,
  next_seq bigint not null default 1,
  acked_seq bigint not null default 0,
  connection_id uuid,
  node_id uuid,
  -- available, not paused or revoked, not unreachable; kept by the statements that change one of these
  offerable boolean not null default true,
  -- reads too slowly: nothing more is assigned until it has caught up
  slow boolean not null default false,
  last_assigned_at timestamptz(3),
  last_seen_at timestamptz(3) not null default now(),
  primary key (agent_id),
  foreign key (tenant_id, agent_id) references agent (tenant_id, id) on delete cascade
) with (fillfactor = 50);

-- Queued tasks of equal requirements share a lane; `key` is the SHA-256 of the requirements as canonical JSON.
create table lane (
  tenant_id uuid not null references tenant,
  id uuid not null,
  key bytea not null,
  requirements jsonb not null,
  last_used_at timestamptz(3) not null default now(),
  unique (tenant_id, key)
);
alter table lane add primary key (id, tenant_id);

-- Each lane against each agent, computed once per change of either, under the lock of the tenant's row.
create table lane_agent (
  tenant_id uuid not null,
  lane_id uuid not null,
  agent_id uuid not null,
  misfit text,
  level_gap int not null default 0,
  cost_micro_usd bigint,
  primary key (lane_id, agent_id),
  foreign key (tenant_id, lane_id) references lane (tenant_id, id) on delete cascade,
  foreign key (tenant_id, agent_id) references agent (tenant_id, id) on delete cascade
);
create index lane_agent_agent on lane_agent (agent_id);
create index lane_agent_fit on lane_agent (agent_id, lane_id) where misfit is null;

-- The part of a task that changes. `state` stands in no index, so that accepting changes none.
create table task (
  tenant_id uuid not null,
  id uuid not null,
  state text not null,
  -- the number that the latest try carries: `counted` + 1
  attempt int not null default 0,
  -- tries that ended and count against max_attempts
  counted int not null default 0,
  -- tries in a row that do not (rejected, not accepted in time, rate-limited)
  uncounted int not null default 0,
  rejected_by uuid[] not null default '{}',
  -- JSON of `[{agentId, until}]`: who let it lie, and for how long it is not offered to them
  passed_over json,
  fence int not null default 0,
  event_seq int not null,
  lane_id uuid not null,
  -- enqueued_at in ms − priority × ageing step: the order within a lane, which time alone does not change
  rank bigint not null,
  -- `rank` while queued, else null
  queue_rank bigint,
  strategy text not null,
  max_attempts int not null,
  timeout_ms int not null,
  deadline timestamptz(3),
  -- when the sweep has to look at it: the next attempt, notBefore, the deadline, the end of a passing-over
  wake_at timestamptz(3),
  assignment_id uuid,
  progress json,
  error json,
  parent_id uuid,
  has_output_schema boolean not null default false,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  started_at timestamptz(3),
  finished_at timestamptz(3)
) with (fillfactor = 70);
create index task_queue on task (lane_id, queue_rank, id) where queue_rank is not null;
create index task_wake on task (wake_at) where wake_at is not null;
create index task_unfinished on task (tenant_id, created_at desc, id desc) where finished_at is null;
create index task_children on task (parent_id) where parent_id is not null;
alter table task add primary key (id);

-- The part of a task that never changes.
create table task_body (
  tenant_id uuid not null,
  task_id uuid not null,
  type text not null,
  title text,
  ref text,
  requirements jsonb not null,
  priority int not null,
  not_before timestamptz(3),
  labels text[] not null,
  depends_on uuid[] not null,
  input json,
  output_schema json,
  traceparent text,
  created_at timestamptz(3) not null
);
create index task_body_listed on task_body (tenant_id, created_at desc, task_id desc);
create index task_body_type on task_body (tenant_id, type, created_at desc, task_id desc);
create index task_body_label on task_body using gin (labels) where labels <> '{}';
alter table task_body add primary key (task_id);

create table task_dependency (
  tenant_id uuid not null,
  task_id uuid not null,
  depends_on_id uuid not null,
  primary key (task_id, depends_on_id)
);
create index task_dependent on task_dependency (depends_on_id);

-- One try of a task by one agent. `state` stands in no index: `is_open` says whether it holds a slot.
create table assignment (
  tenant_id uuid not null,
  id uuid not null,
  task_id uuid not null,
  agent_id uuid not null,
  fence int not null,
  -- its place among what was sent to the agent: TASK_ASSIGN needs no row in the mailbox
  seq bigint not null,
  state text not null,
  is_open boolean not null default true,
  attempt int not null,
  strategy text not null,
  why json not null,
  lease_ms int not null,
  accept_until timestamptz(3) not null,
  lease_until timestamptz(3),
  attempt_until timestamptz(3),
  -- the sweep looks at it no later than this; it may lie before the lease's true end, which then moves it
  check_at timestamptz(3) not null,
  schema_failures int not null default 0,
  created_at timestamptz(3) not null default now(),
  ended_at timestamptz(3),
  end_reason text,
  usage json
) with (fillfactor = 70);
create unique index assignment_fence on assignment (task_id, fence);
create index assignment_open on assignment (agent_id, seq) where is_open;
create index assignment_check on assignment (check_at) where is_open;
alter table assignment add primary key (id);

-- The one recorded result: its key is what makes a second one impossible.
create table task_result (
  tenant_id uuid not null,
  task_id uuid not null,
  assignment_id uuid not null,
  output json,
  artifacts json,
  usage json,
  recorded_at timestamptz(3) not null default now(),
  primary key (task_id)
);

-- History of each task, and the outbox: the relay numbers events per tenant after their commit.
create table task_event (
  tenant_id uuid not null,
  task_id uuid not null,
  seq int not null,
  type text not null,
  at timestamptz(3) not null default now(),
  data json not null,
  recorded bigint generated always as identity,
  position bigint
);
create index task_event_unnumbered on task_event (recorded) where position is null;
create unique index task_event_position on task_event (tenant_id, position) where position is not null;
alter table task_event add primary key (task_id, seq);

-- The last position given out per tenant; written by the relay alone.
create table event_cursor (
  tenant_id uuid primary key references tenant,
  position bigint not null
);

-- What must reach an agent besides its assignments, until it is acknowledged.
create table mailbox (
  tenant_id uuid not null,
  agent_id uuid not null,
  seq bigint not null,
  type int not null,
  payload json not null,
  assignment_id uuid,
  created_at timestamptz(3) not null default now(),
  expires_at timestamptz(3),
  primary key (agent_id, seq)
);

create table idempotency_key (
  tenant_id uuid not null references tenant,
  principal_id uuid not null,
  operation text not null,
  key text not null,
  body_hash bytea not null,
  response json not null,
  created_at timestamptz(3) not null default now(),
  primary key (tenant_id, principal_id, operation, key)
);
create index idempotency_key_age on idempotency_key (created_at);

do $$
declare name text;
begin
  foreach name in array array['api_key', 'agent', 'agent_slot', 'lane', 'lane_agent', 'task', 'task_body',
    'task_dependency', 'assignment', 'task_result', 'task_event', 'event_cursor', 'mailbox', 'idempotency_key'] loop
    execute format('alter table %I enable row level security', name);
    execute format('create policy own_tenant on %I to devmesh_app
      using (tenant_id = any ((select devmesh_tenants())::uuid[]))', name);
    execute format('create policy engine on %I to devmesh_engine using (true)', name);
    execute format('grant select, insert, update, delete on %I to devmesh_app, devmesh_engine', name);
  end loop;
end $$;
alter table tenant enable row level security;
create policy own_tenant on tenant to devmesh_app using (id = any ((select devmesh_tenants())::uuid[]));
create policy engine on tenant to devmesh_engine using (true);
grant select, update on tenant to devmesh_app;
grant select, insert, update, delete on tenant, node to devmesh_engine;
