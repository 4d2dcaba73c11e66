-- Limits on what is in flight, budgets that are reserved and settled, daily usage, and events in turns of tenants.
-- New columns have constant defaults and rewrite no table. The index of parked tasks is empty; that of unnumbered events
-- is built while writes to task_event wait, over the few that have no position yet.

-- At most so many assignments at once: of a tenant, of a type of task, or of a label.
create table concurrency_limit (
  tenant_id uuid not null references tenant,
  id uuid not null,
  kind text not null check (kind in ('tenant', 'type', 'label')),
  -- the type or the label; empty for the tenant
  value text not null default '',
  max_in_flight int not null check (max_in_flight >= 0),
  in_flight int not null default 0 check (in_flight >= 0),
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  unique (tenant_id, kind, value)
) with (fillfactor = 50);
alter table concurrency_limit add primary key (id);

-- The limits that all tasks of a lane are subject to. A row of a limit that was deleted means nothing.
create table lane_limit (
  tenant_id uuid not null,
  lane_id uuid not null,
  limit_id uuid not null,
  primary key (lane_id, limit_id),
  foreign key (tenant_id, lane_id) references lane (tenant_id, id) on delete cascade
);
create index lane_limit_limit on lane_limit (limit_id, lane_id);

-- A cap on what is spent and reserved together. No index on what changes with every assignment.
create table budget (
  tenant_id uuid not null,
  id uuid not null,
  scope text not null check (scope in ('tenant', 'agent', 'task', 'tree')),
  -- the agent or the task; null for the tenant
  subject_id uuid,
  unit text not null check (unit in ('micro_usd', 'tokens')),
  -- of UTC; `spent` is that of the window that begins with `window_start`
  period text not null default 'total' check (period in ('total', 'day', 'month')),
  cap bigint not null check (cap >= 0),
  spent bigint not null default 0,
  reserved bigint not null default 0 check (reserved >= 0),
  window_start timestamptz(3) not null default now(),
  -- tasks were parked by it
  waiting boolean not null default false,
  -- it may have room again: the sweep looks at what it parked
  unpark boolean not null default false,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  deleted_at timestamptz(3)
) with (fillfactor = 50);
create unique index budget_standing on budget (tenant_id, scope, subject_id, unit, period) nulls not distinct
  where scope in ('tenant', 'agent') and deleted_at is null;
create index budget_listed on budget (tenant_id, id);
create index budget_unpark on budget (id) where unpark;
create index budget_deleted on budget (deleted_at) where deleted_at is not null;
create index budget_rollover on budget (window_start) where waiting and period <> 'total';
alter table budget add primary key (id);

-- When the running window of a period began.
create function budget_window(period text) returns timestamptz language sql stable as $$
  select case period when 'total' then '-infinity'::timestamptz else date_trunc(period, now(), 'UTC') end
$$;

alter table task
  -- those of the task itself and of the trees that it belongs to; the tenant's and the agents' apply besides
  add column budget_ids uuid[] not null default '{}',
  -- the budget that it did not fit: queued, but not in its lane until there is room
  add column parked_by uuid;
create index task_parked on task (parked_by, rank, id) where parked_by is not null;

alter table task_body add column budget json, add column tree_budget json;

alter table assignment
  -- the limits that count it until it ends
  add column limit_ids uuid[] not null default '{}',
  -- JSON of `[{budgetId, unit, amount}]`, released when it ends
  add column reserved json;

-- What agents said that their work cost, by the day of its end.
create table usage_daily (
  tenant_id uuid not null,
  day date not null,
  agent_id uuid not null,
  type text not null,
  model text not null,
  tasks bigint not null,
  attempts bigint not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cost_micro_usd bigint not null,
  primary key (tenant_id, day, agent_id, type, model)
) with (fillfactor = 70);

-- Unnumbered events are numbered in turns of tenants.
create index task_event_turn on task_event (tenant_id, recorded) where position is null;
drop index task_event_unnumbered;

do $$
declare name text;
begin
  foreach name in array array['concurrency_limit', 'lane_limit', 'budget', 'usage_daily'] loop
    execute format('alter table %I enable row level security', name);
    execute format('create policy own_tenant on %I to devmesh_app
      using (tenant_id = any ((select devmesh_tenants())::uuid[]))', name);
    execute format('create policy engine on %I to devmesh_engine using (true)', name);
    execute format('grant select, insert, update, delete on %I to devmesh_app, devmesh_engine', name);
  end loop;
end $$;
